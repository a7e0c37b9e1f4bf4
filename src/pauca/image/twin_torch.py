"""A picture pack as the model that is trained: the decoder's integers, with gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pauca.coding import Tables
from pauca.image.model import ModelConfig, WaveletModel
from pauca.nets.integer import UNIT, IntConv, round_ste, set_exact
from pauca.nets.priors import SCALES
from pauca.pack.intnet import Layer
from pauca.pack.wavelet import WaveletPack

REACH = 64  # magnitudes whose bits are looked up; beyond they grow as those of the escape do
ESCAPE = 2.0  # bits for each doubling of an escaped magnitude


class TablePrior(nn.Module):
    """Bits of symbols by a pack's tables, linear between integers and between indexes."""

    bits_of: Tensor

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        magnitude = np.arange(REACH + 2)
        rows = np.arange(SCALES)[:, None]
        reach = -tables.offset[:SCALES, None].astype(np.int64)
        bits = tables.bits()[rows, reach + np.minimum(magnitude, reach)]
        beyond = np.log2(np.maximum(magnitude, 1) / np.maximum(reach, 1)).clip(0)
        bits += ESCAPE * beyond + 2 * (magnitude > reach)
        self.register_buffer("bits_of", torch.from_numpy(bits.astype(np.float32)).flatten())

    def bits(self, v: Tensor, index: Tensor) -> Tensor:
        """Bits of values v in steps at indexes 0..63, both with gradients."""
        v = v.abs()
        further = ESCAPE * torch.log2(v.clamp_min(REACH) / REACH)
        v = v.clamp_max(REACH)
        index = index.clamp(0, SCALES - 1)
        k = v.detach().floor().clamp_max(REACH - 1).long()
        i = index.detach().floor().clamp_max(SCALES - 2).long()
        f, g = v - k, index - i
        at = i * (REACH + 2) + k
        table = self.bits_of
        near = torch.lerp(table[at], table[at + 1], f)
        far = torch.lerp(table[at + REACH + 2], table[at + REACH + 3], f)
        return torch.lerp(near, far, g) + further


class PackModel(WaveletModel):
    """The model of a pack, frozen, its networks exact, at quality `code`."""

    def __init__(self, pack: WaveletPack, code: int) -> None:
        super().__init__(config_of(pack))
        self.temperature = 0.0
        self.quality = code / 4.0
        self.measure = pack.measure
        self.scales = torch.from_numpy(pack.steps[code].astype(np.float32) / 256)
        self.prior = TablePrior(pack.tables)  # type: ignore[assignment]
        with torch.no_grad():
            for name, conv in self.named_modules():
                if isinstance(conv, IntConv):
                    _fill(conv, pack.layers.get(layer_name(name)))
        set_exact(self, True)
        self.requires_grad_(False)
        self.eval()

    def steps(self, quality: Tensor) -> Tensor:
        """(N,) to (N, LEVELS, COLOURS, BANDS): those of the pack, whatever the quality."""
        return self.scales.expand(len(quality), *self.scales.shape)

    def code_pass(self, y: Tensor, head: Tensor, prices: Tensor) -> tuple[Tensor, Tensor]:
        """As in training, with the rates of the pack's tables at `rounded` symbols."""
        half = y.shape[1]
        mean = round_ste(UNIT * head[:, :half]) / 16.0
        index = round_ste(8.0 * head[:, half:])
        q = self.rounded(y - mean)
        return mean + q, self.prior.bits(q, index).sum((1, 2, 3))

    def rounded(self, r: Tensor) -> Tensor:
        """r to integers, or, above temperature 0, to what is softly rounded between two: the
        stochastic annealing of Yang et al. (arXiv:2006.04240) without its noise.
        """
        if not self.temperature:
            return torch.round(r)
        low = r.detach().floor()
        f = (r - low).clamp(1e-4, 1 - 1e-4)
        return low + torch.sigmoid((torch.atanh(f) - torch.atanh(1 - f)) / self.temperature)


def layer_name(module: str) -> str:
    """The name in packs of a module of the model: levels.0.stem is l1.stem, mends.0 is m2."""
    first, _, rest = module.partition(".")
    if first == "levels":
        number, _, rest = rest.partition(".")
        return f"l{int(number) + 1}.{rest}"
    if first == "mends":
        number, _, rest = rest.partition(".")
        return f"m{int(number) + 2}.{rest}"
    return module


def config_of(pack: WaveletPack) -> ModelConfig:
    """The sizes of a pack's networks."""

    def rows(name: str) -> int:
        return len(pack.layers[name].bias) if name in pack.layers else 0

    def blocks(prefix: str) -> int:
        return sum(name.startswith(prefix) and name.endswith(".depth") for name in pack.layers)

    levels = [f"l{i + 1}" for i in range(4)]
    return ModelConfig(
        channels=tuple(rows(f"{name}.stem") for name in levels),  # type: ignore[arg-type]
        trunk=tuple(blocks(f"{name}.trunk.") for name in levels),  # type: ignore[arg-type]
        post_channels=rows("post.stem"),
        post_blocks=blocks("post.blocks."),
        mend_channels=rows("m2.stem"),
        mend_blocks=blocks("m2.blocks."),
        masking="l1.mask" in pack.layers,
        wavelets=pack.wavelets,
        lmbda=pack.lmbda,
    )


def _fill(conv: IntConv, layer: Layer | None) -> None:
    """Weights of an integer layer in units of the trained one; none of that name is not used."""
    if layer is None:
        return
    shift = layer.shift.astype(np.int64)
    half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
    # Indexes of heads count 1/8: two more bits of shift, which training has in `code_pass`.
    index = (layer.low == 0) & (layer.high == SCALES - 1)
    scale = np.exp2(-(shift - 2.0 * index))
    weight = layer.weight * scale.reshape(-1, *[1] * (layer.weight.ndim - 1))
    conv.on_grid = True
    conv.weight.copy_(torch.from_numpy(weight).reshape(conv.weight.shape))
    assert conv.bias is not None
    conv.bias.copy_(torch.from_numpy((layer.bias - half) * scale / UNIT))
