"""The natural look: another last filter behind the decoder, of the same stream.

It is trained against a discriminator to put back the texture that squared error has smoothed away
(Blau and Michaeli, arXiv:1711.06077, on why one decoder cannot do both; Agustsson et al.,
arXiv:2212.13824, on two looks of one stream).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from pauca.image.layers_torch import filter_layers, filter_program
from pauca.image.parts import CellFilter
from pauca.nets.colour import to_rgb
from pauca.nets.loop import load_averaged
from pauca.pack.image import ImagePack
from pauca.pack.look import DOMAIN, POST
from pauca.pack.store import ARRAYS, PackInfo, layers_to_arrays, program_to_json, write_pack

SLOPE = 0.2


@dataclass(frozen=True)
class LookConfig:
    """Sizes of the filter, those of the pack's own by default, and of the discriminator."""

    channels: int = 96
    blocks: int = 4
    features: int = 64
    width: int = 32  # channels of the discriminator's first layer


class Critic(nn.Module):
    """Tells originals from fakes patch by patch, knowing the faithful picture: of any size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = (6, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(
            [nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(sizes, sizes[1:], strict=False)]
        )
        self.last = nn.Conv2d(sizes[-1], 1, 1)

    def forward(self, x: Tensor, faithful: Tensor) -> Tensor:
        """RGB (N, 3, H, W) 0..255 to scores of patches (N, 1, H/8, W/8)."""
        f = torch.cat([(x - faithful) / 32.0, faithful / 128.0 - 1.0], 1)
        for layer in self.layers:
            f = F.leaky_relu(layer(f), SLOPE)
        scores: Tensor = self.last(f)
        return scores


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

    def judged(self, x: Tensor, faithful: Tensor) -> Tensor:
        """Scores whose gradients reach x but not the critic."""
        frozen = {name: p.detach() for name, p in self.critic.named_parameters()}
        scores: Tensor = functional_call(self.critic, frozen, (x, faithful))
        return scores


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
