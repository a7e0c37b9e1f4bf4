"""Networks that read a name character by character, and the n-gram network that is shipped.

Inputs of all: codes int64 (N, L), 0 after the end of a name; outputs: logits (N,), positive for
generated names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pauca.apps.dga.names import MAX_SCORED, SYMBOLS
from pauca.apps.dga.ngram import (
    MIX_SHIFT,
    MIXED_MAX,
    MULTIPLIER,
    SUM_SHIFT,
    WEIGHT_MAX,
    rows_of,
)

STEP = 1.0 / 16  # of table entries
MIX_STEP = 2.0**-MIX_SHIFT
SUM_UNIT = 1 << SUM_SHIFT


class _Round(torch.autograd.Function):
    """Round to the nearest integer; the gradient passes."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return torch.floor(x + 0.5)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return grad


def rounded(x: Tensor, step: float | Tensor) -> Tensor:
    """`x` at multiples of `step`, at most 127 of them, straight-through."""
    whole: Tensor = _Round.apply(x / step)  # type: ignore[no-untyped-call]
    return whole.clamp(-WEIGHT_MAX, WEIGHT_MAX) * step


def pooled(x: Tensor, mask: Tensor) -> Tensor:
    """Maximum and scaled sum over positions of (N, L, C) where `mask` (N, L): (N, 2 C)."""
    x = x * mask[..., None]
    return torch.cat([x.amax(1), x.sum(1) / SUM_UNIT], 1)


@dataclass(frozen=True)
class CharConfig:
    """A network over characters: `kind` is cnn, lstm or transformer."""

    kind: str = "cnn"
    channels: int = 128
    embedding: int = 32
    layers: int = 3


class CharCnn(nn.Module):
    """Embedding, convolutions of width 3, pooling over the name, two dense layers."""

    def __init__(self, config: CharConfig):
        super().__init__()
        self.config = config
        channels, embedding, layers = config.channels, config.embedding, config.layers
        self.embed = nn.Embedding(SYMBOLS, embedding)
        self.convs = nn.ModuleList(
            nn.Conv1d(embedding if i == 0 else channels, channels, 3, padding=1)
            for i in range(layers)
        )
        self.head = nn.Sequential(nn.Linear(2 * channels, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (N, L) to logits (N,)."""
        codes = F.pad(codes, (1, 1))
        mask = F.pad(codes[:, 1:], (0, 1)).bool() | codes.bool()  # one position before the name
        x = self.embed(codes).transpose(1, 2)
        for conv in self.convs:
            x = F.relu(conv(x)) * mask[:, None]
        out: Tensor = self.head(pooled(x.transpose(1, 2), mask))[:, 0]
        return out


class CharLstm(nn.Module):
    """Woodbridge et al., "Predicting domain generation algorithms with LSTM networks" (2016)."""

    def __init__(self, config: CharConfig):
        super().__init__()
        self.config = config
        channels = config.channels
        self.embed = nn.Embedding(SYMBOLS, channels)
        self.lstm = nn.LSTM(channels, channels, batch_first=True)
        self.head = nn.Linear(channels, 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (N, L) to logits (N,), from the state at the last character."""
        states, _ = self.lstm(self.embed(codes))
        last = (codes.bool().sum(1) - 1).clamp_min(0)
        # Not by an index of all names: an exported graph would hold their number.
        index = last[:, None, None].expand(-1, 1, states.shape[2])
        state = states.gather(1, index)[:, 0]
        out: Tensor = self.head(F.dropout(state, 0.5, self.training))[:, 0]
        return out


class _Attention(nn.Module):
    """An encoder layer of four heads, norms first; torch's own keeps the batch's size in graphs."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm, self.norm_up = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.seen = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.up = nn.Linear(channels, 2 * channels)
        self.down = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (N, L, C), mask (N, L) of what is there."""
        n, length, channels = x.shape
        heads = self.seen(self.norm(x)).view(n, length, 3, 4, channels // 4)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None])
        x = x + self.out(mixed.transpose(1, 2).reshape(n, length, channels))
        out: Tensor = x + self.down(F.relu(self.up(self.norm_up(x))))
        return out


class CharTransformer(nn.Module):
    """Two encoder layers of four heads over characters and positions, mean over the name."""

    def __init__(self, config: CharConfig):
        super().__init__()
        self.config = config
        channels, layers = config.channels, config.layers
        self.embed = nn.Embedding(SYMBOLS, channels)
        self.place = nn.Parameter(torch.randn(MAX_SCORED, channels) * 0.1)
        self.layers = nn.ModuleList([_Attention(channels) for _ in range(layers)])
        self.head = nn.Linear(2 * channels, 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (N, L) to logits (N,)."""
        mask = codes.bool()
        x = self.embed(codes) + self.place[: codes.shape[1]]
        for layer in self.layers:
            x = layer(x, mask)
        x = x * mask[..., None]
        mean = x.sum(1) / mask.sum(1, keepdim=True)
        out: Tensor = self.head(torch.cat([x.amax(1), mean], 1))[:, 0]
        return out


@dataclass(frozen=True)
class NgramConfig:
    """`orders`: lengths of n-grams. `bits`: rows of hashed tables, as a power of two. `mix`:
    channels of a convolution over neighbouring positions, 0 for none.
    """

    channels: int = 16
    hidden: int = 32
    bits: int = 12
    orders: tuple[int, ...] = (2, 3, 4)
    mix: int = 0


class NgramNet(nn.Module):
    """Rows of tables added at each position, rectified, pooled over the name, two dense layers.

    With `mix`, a convolution of width 3 over the positions is pooled beside them. `exact`: weights
    and sums are rounded as the integers of `pauca.apps.dga.ngram` are.
    """

    def __init__(self, config: NgramConfig = NgramConfig()):
        super().__init__()
        self.config = config
        self.exact, self.dropout = False, 0.0
        self.tables = nn.ParameterList(
            nn.Parameter(torch.randn(rows_of(order, config.bits), config.channels) * 0.1)
            for order in config.orders
        )
        self.bias = nn.Parameter(torch.zeros(config.channels))
        self.mix = nn.Conv1d(config.channels, config.mix, 3, padding=1) if config.mix else None
        self.first = nn.Linear(2 * (config.channels + config.mix), config.hidden)
        self.second = nn.Linear(config.hidden, 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (N, L) to logits (N,)."""
        mask = F.pad(codes, (1, 0), value=1).bool()  # n-grams begin before the name and in it
        z = self.bias if not self.exact else rounded(self.bias, STEP)
        for order, table in zip(self.config.orders, self.tables, strict=True):
            weight = rounded(table, STEP) if self.exact else table
            row = F.embedding(ngram_rows(codes, order, self.config.bits), weight)
            if self.training and self.dropout:  # whole rows: no n-gram may decide alone
                kept = torch.rand(*row.shape[:2], 1, device=row.device) >= self.dropout
                row = row * kept / (1 - self.dropout)
            z = z + row
        y = F.relu(z)
        x = pooled(y, mask)
        if self.mix is not None:
            x = torch.cat([x, pooled(self._mixed(self.mix, y * mask[..., None]), mask)], 1)
        if not self.exact:
            out: Tensor = self.second(F.relu(self.first(x)))[:, 0]
            return out
        x = x + (torch.floor(x / STEP) * STEP - x).detach()
        hidden = F.relu(F.linear(x, rounded(self.first.weight, self.step(1)), self.first.bias))
        out = F.linear(hidden, rounded(self.second.weight, self.step(2)), self.second.bias)[:, 0]
        return out

    def _mixed(self, mix: nn.Conv1d, y: Tensor) -> Tensor:
        """The convolution over (N, L + 1, C), zero outside the name: (N, L + 1, mix)."""
        y = y.clamp(max=255 * STEP).transpose(1, 2)
        weight = rounded(mix.weight, MIX_STEP) if self.exact else mix.weight
        x = F.conv1d(y, weight, mix.bias, padding=1).transpose(1, 2)
        if self.exact:
            x = x + (torch.floor(x / STEP) * STEP - x).detach()
        return F.relu(x).clamp(max=MIXED_MAX * STEP)

    def step(self, layer: int) -> Tensor:
        """The step of a dense layer's weights: the largest is 127 of them."""
        weight = self.first.weight if layer == 1 else self.second.weight
        return weight.detach().abs().amax() / WEIGHT_MAX


def ngram_rows(codes: Tensor, order: int, bits: int) -> Tensor:
    """The row of each n-gram of (N, L) codes: (N, L + 1), the first begins before the name."""
    n = codes.shape[1] + 1
    padded = F.pad(codes, (1, order - 1))
    value = padded[:, :n]
    for k in range(1, order):
        value = value * SYMBOLS + padded[:, k : k + n]
    if rows_of(order, bits) != 1 << bits or order < 3:
        return value
    return ((value * MULTIPLIER) & 0xFFFFFFFF) >> (32 - bits)


Sizes = CharConfig | NgramConfig
MODELS: dict[str, Sizes] = {
    "cnn": CharConfig("cnn", 128, 32, 3),
    "cnn-small": CharConfig("cnn", 64, 32, 2),
    "lstm": CharConfig("lstm", 128, 128, 1),
    "transformer": CharConfig("transformer", 64, 64, 2),
    "ngram": NgramConfig(),
}
_KINDS: dict[str, Callable[[CharConfig], nn.Module]] = {
    "cnn": CharCnn,
    "lstm": CharLstm,
    "transformer": CharTransformer,
}


def make_model(sizes: Sizes) -> nn.Module:
    """A new network of these sizes."""
    return NgramNet(sizes) if isinstance(sizes, NgramConfig) else _KINDS[sizes.kind](sizes)
