"""What each pass may be told: one frozen class a pass, plain values that a recipe file can hold."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pauca.errors import InputError


@dataclass(frozen=True)
class PruneOptions:
    """Magnitude pruning: `sparsity` is the share of weights that become zero, 0..1.

    `scope`: "global" ranks all layers together, each by its root mean square; "layer" takes the
    share from every layer. `pattern` "n:m" instead keeps the n largest of m neighbours along the
    inputs (2:4 is what some hardware runs), and `sparsity` means nothing. Layers whose name holds a
    word of `skip` stay, here and in the other passes.
    """

    sparsity: float = 0.5
    scope: str = "global"
    pattern: str = ""
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """`InputError` on values out of range."""
        share("sparsity", self.sparsity)
        one_of("scope", self.scope, ("global", "layer"))
        self.n_of_m()

    def n_of_m(self) -> tuple[int, int] | None:
        """Return (n, m) of the pattern, None where there is none."""
        if not self.pattern:
            return None
        n, _, m = self.pattern.partition(":")
        if not (n.isdecimal() and m.isdecimal() and 0 < int(n) < int(m) <= 1024):
            raise InputError(f"pattern must be n:m with 0 < n < m, not {self.pattern!r}")
        return int(n), int(m)


@dataclass(frozen=True)
class ChannelOptions:
    """Structured pruning: `ratio` of the channels of each group, 0..1 excluded, is cut out.

    `scope` "global" ranks the channels of all groups together instead. `criterion`: "l1", the mean
    absolute weight of a channel's filters (arXiv:1608.08710), or "gamma", the scale of its batch
    normalization (arXiv:1708.06519). The number kept is a multiple of `multiple`, at least one.
    Layers whose name holds a word of `skip` keep their outputs.
    """

    ratio: float = 0.5
    scope: str = "layer"
    criterion: str = "l1"
    multiple: int = 1
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """`InputError` on values out of range."""
        share("ratio", self.ratio)
        one_of("scope", self.scope, ("global", "layer"))
        one_of("criterion", self.criterion, ("l1", "gamma"))
        at_least("multiple", self.multiple, 1)


@dataclass(frozen=True)
class Int8Options:
    """Post-training int8 with calibration; `feeds` is an npz file, else the context has feeds.

    `method`: "minmax", "entropy" or "percentile". `batch` samples of the file make one run.
    `reduce_range` keeps weights to 7 bits, for processors without VNNI, whose int8 sums saturate.
    `ops`: kinds of operators to quantize, by default all that the library can.
    """

    feeds: str = ""
    method: str = "minmax"
    per_channel: bool = True
    batch: int = 16
    reduce_range: bool = False
    ops: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """`InputError` on values out of range."""
        one_of("method", self.method, ("minmax", "entropy", "percentile"))
        at_least("batch", self.batch, 1)


@dataclass(frozen=True)
class DynamicOptions:
    """Int8 weights, inputs quantized as they come: for recurrent networks and small batches."""

    per_channel: bool = False
    reduce_range: bool = False


@dataclass(frozen=True)
class QatOptions:
    """Quantization-aware training: weights per channel in `bits`, 2..8; inputs of layers in 8."""

    bits: int = 8
    momentum: float = 0.05
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """`InputError` on values out of range."""
        if not 2 <= self.bits <= 8:
            raise InputError(f"bits must be 2 to 8, not {self.bits}")
        share("momentum", self.momentum)


@dataclass(frozen=True)
class ShareOptions:
    """Deep Compression's shared weights: `clusters` values a tensor, 2..65536; zero stays zero."""

    clusters: int = 32
    rounds: int = 30
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """`InputError` on values out of range."""
        if not 2 <= self.clusters <= 65536:
            raise InputError(f"clusters must be 2 to 65536, not {self.clusters}")
        at_least("rounds", self.rounds, 1)


@dataclass(frozen=True)
class BinaryOptions:
    """Weights as signs times a scale a channel; `inputs` "binary" (XNOR) or "float" (BWN).

    `ends` also takes the first and the last layer, which the paper leaves alone.
    """

    inputs: str = "binary"
    ends: bool = False
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """`InputError` on values out of range."""
        one_of("inputs", self.inputs, ("binary", "float"))


@dataclass(frozen=True)
class LowRankOptions:
    """Factorization by SVD: ranks that keep `energy` of the squared singular values, or, if
    `ratio` is given, that leave at most this share of a layer's multiplications.

    `split` of convolutions: "channel" (k x k to few channels, then 1 x 1), "spatial" (k x 1, then
    1 x k), "auto" for whichever costs less (by energy) or keeps more (by ratio).
    """

    energy: float = 0.9
    ratio: float | None = None
    split: str = "auto"
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """`InputError` on values out of range."""
        share("energy", self.energy)
        if self.ratio is not None:
            share("ratio", self.ratio)
        one_of("split", self.split, ("auto", "channel", "spatial"))


@dataclass(frozen=True)
class DistillOptions:
    """A student learns `weight` of a teacher's soft answers and 1 - `weight` of the labels.

    Answers are softened by `temperature` (arXiv:1503.02531); `epochs` of Adam at `rate`.
    """

    temperature: float = 4.0
    weight: float = 0.7
    epochs: int = 1
    rate: float = 1e-3

    def __post_init__(self) -> None:
        """`InputError` on values out of range."""
        share("weight", self.weight)
        at_least("epochs", self.epochs, 1)
        if not (self.temperature > 0 and self.rate > 0):
            raise InputError("temperature and rate must be above 0")


@dataclass(frozen=True)
class ExportOptions:
    """From torch to ONNX, the only pass that changes the kind; QAT modules become QDQ graphs."""

    opset: int = 18


def share(name: str, value: float) -> None:
    """Raise `InputError` unless `value` lies in 0..1."""
    if not 0 <= value <= 1:
        raise InputError(f"{name} must be 0 to 1, not {value}")


def at_least(name: str, value: int, least: int) -> None:
    """Raise `InputError` unless `value` is `least` or more."""
    if value < least:
        raise InputError(f"{name} must be {least} or more, not {value}")


def one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise `InputError` unless `value` is one of `known`."""
    if value not in known:
        raise InputError(f"{name} must be one of {', '.join(known)}, not {value!r}")


def parse_options(kind: type, values: Mapping[str, Any], where: str) -> Any:
    """Return `kind` made of plain values; `InputError`, after `where`, on what it does not take."""
    fields = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(values.keys() - fields):
        raise InputError(f"{where}: no option {unknown[0]!r}; known: {', '.join(sorted(fields))}")
    hints = typing.get_type_hints(kind)
    checked = {name: _plain(hints[name], value, name, where) for name, value in values.items()}
    try:
        return kind(**checked)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _plain(hint: Any, value: Any, name: str, where: str) -> Any:
    if isinstance(value, list) and typing.get_origin(hint) is tuple:
        if all(isinstance(word, str) for word in value):
            return tuple(value)
    elif isinstance(hint, types.UnionType) and value is None:
        return None
    else:
        plain = typing.get_args(hint)[0] if isinstance(hint, types.UnionType) else hint
        if plain is float and type(value) in (int, float):
            return float(value)
        if plain in (bool, int, str) and type(value) is plain:
            return value
    raise InputError(f"{where}: {name} cannot be {value!r}")
