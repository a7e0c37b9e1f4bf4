"""The natural look: another last filter behind the decoder, of the same stream.

It is trained against a discriminator to put back the texture that squared error has smoothed away
(Blau and Michaeli, arXiv:1711.06077, on why one decoder cannot do both; Agustsson et al.,
arXiv:2212.13824, on two looks of one stream).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from pauca.image.layers_torch import filter_layers, filter_program
from pauca.image.parts import CellFilter
from pauca.nets.colour import to_rgb
from pauca.nets.look import Critic
from pauca.nets.loop import load_averaged
from pauca.pack.image import ImagePack
from pauca.pack.look import DOMAIN, POST
from pauca.pack.store import ARRAYS, PackInfo, layers_to_arrays, program_to_json, write_pack


@dataclass(frozen=True)
class LookConfig:
    """Sizes of the filter, those of the pack's own by default, and of the discriminator."""

    channels: int = 96
    blocks: int = 4
    features: int = 64
    width: int = 32  # channels of the discriminator's first layer


class LookModel(nn.Module):
    """The filter and its critic."""

    def __init__(self, config: LookConfig = LookConfig()) -> None:
        super().__init__()
        self.config = config
        self.post = CellFilter(config.channels, config.blocks, config.features)
        self.critic = Critic(config.width)

    def forward(self, ycc: Tensor, features: Tensor, step: Tensor, quality: Tensor) -> Tensor:
        """What the decoder's last filter sees, to RGB, not clamped."""
        return to_rgb(self.post(ycc, features, step, quality))


def export_look(
    checkpoint: Path, folder: Path, pack: ImagePack, name: str, version: str, data: str
) -> PackInfo:
    """Write the look's pack for streams of `pack`."""
    from safetensors.numpy import save

    model = load_averaged(checkpoint, lambda sizes: LookModel(LookConfig(**sizes)))
    assert isinstance(model, LookModel)
    layers = filter_layers(POST, model.post)
    for key, layer in layers.items():
        layer.check(key)
    manifest = {
        "name": name,
        "version": version,
        "domain": DOMAIN,
        "summary": f"natural look of streams of {pack.info.name} {pack.info.version}",
        "license": "Apache-2.0",
        "data": data,
        "for": pack.info.pack_id.hex(),
        "programs": {POST: program_to_json(filter_program(POST, model.post))},
    }
    return write_pack(folder, manifest, {ARRAYS: save(layers_to_arrays(layers))})
