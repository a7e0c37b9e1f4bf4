"""Second moments of what the layers of a running network are given; batches summed in double."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pauca.errors import InputError, UnsupportedError

Floats = NDArray[np.float64]


def moments_of_all(
    module: nn.Module, names: Sequence[str], batches: Iterable[Any], positions: int | None = None
) -> dict[str, Floats]:
    """Return E[x x'] of the inputs of the layers `names`, (groups, n, n), in one run.

    A 1 is appended to the inputs where a layer has a bias. Convolutions are looked at in at most
    `positions` places of a sample, spread evenly; None for all.
    """
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}

    def watch(name: str) -> Callable[..., None]:
        def add(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen = _unfolded(layer, inputs[0].detach(), positions)
            part = _products(seen, seen)
            sums[name] = sums[name] + part if name in sums else part
            counts[name] = counts.get(name, 0) + len(seen)

        return add

    hooks = [module.get_submodule(n).register_forward_pre_hook(watch(n)) for n in names]
    with evaluating(module), removing(hooks), torch.no_grad():
        for x in inputs_of(batches):
            module(x)
    return {name: sums[name].numpy() / counted(counts.get(name, 0)) for name in names}


def moments_of(
    module: nn.Module,
    name: str,
    batches: Iterable[Any],
    original: nn.Module | None = None,
    positions: int | None = None,
) -> tuple[Floats, Floats | None]:
    """Return E[y y'] of a layer's inputs (groups, n, n), and E[x y'] with x those of `original`.

    Inputs as in `moments_of_all`.
    """
    layer = module.get_submodule(name)
    square: Tensor | None = None
    cross: Tensor | None = None
    count = 0
    with torch.no_grad():
        for x in inputs_of(batches):
            seen = _unfolded(layer, _seen(module, name, x), positions)
            part = mixed = _products(seen, seen)
            if original is not None:
                twin = _unfolded(layer, _seen(original, name, x), positions)
                mixed = _products(twin, seen)
            square = part if square is None else square + part
            cross = mixed if cross is None else cross + mixed
            count += len(seen)
    if square is None or cross is None:
        raise InputError("no batches")
    mean = square.numpy() / counted(count)
    return mean, None if original is None else cross.numpy() / count


def _products(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("sgi,sgj->gij", a, b).double()


class _EnoughError(Exception):
    """Ends a forward pass once the layer in question has its input."""


def _seen(module: nn.Module, name: str, x: Tensor) -> Tensor:
    caught: list[Tensor] = []

    def stop(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        caught.append(inputs[0].detach())
        raise _EnoughError

    hook = module.get_submodule(name).register_forward_pre_hook(stop)
    with evaluating(module), removing([hook]), contextlib.suppress(_EnoughError):
        module(x)
    if not caught:
        raise InputError(f"layer {name!r} does not run")
    return caught[0]


def _unfolded(layer: nn.Module, x: Tensor, positions: int | None) -> Tensor:
    # (samples and positions, groups, inputs of one output [+ 1])
    if isinstance(layer, nn.Linear):
        out = x.reshape(-1, 1, x.shape[-1])
    elif isinstance(layer, nn.Conv1d | nn.Conv2d):
        out = _patches(layer, x, positions)
    else:
        raise UnsupportedError(f"no statistics of {type(layer).__name__}")
    if layer.bias is not None:
        out = torch.cat([out, torch.ones_like(out[:, :, :1])], 2)
    return out


def _patches(layer: nn.Conv1d | nn.Conv2d, x: Tensor, most: int | None) -> Tensor:
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise UnsupportedError("convolutions with named padding have no statistics yet")
    flat = isinstance(layer, nn.Conv1d)
    one, zero = ((1,), (0,)) if flat else ((), ())
    columns = functional.unfold(
        x[:, :, None] if flat else x,
        one + tuple(layer.kernel_size),
        dilation=one + tuple(layer.dilation),
        padding=zero + tuple(layer.padding),
        stride=one + tuple(layer.stride),
    )
    if most is not None and most < columns.shape[2]:
        columns = columns[:, :, torch.linspace(0, columns.shape[2] - 1, most).round().long()]
    n, rows, positions = columns.shape
    split = columns.reshape(n, layer.groups, rows // layer.groups, positions)
    return split.permute(0, 3, 1, 2).reshape(n * positions, layer.groups, -1)


def inputs_of(batches: Iterable[Any]) -> Iterator[Tensor]:
    """Yield the inputs of batches."""
    for batch in batches:
        x = batch[0] if isinstance(batch, tuple | list) else batch
        if not isinstance(x, Tensor):
            raise InputError("a batch is a tensor, or a tuple that starts with one")
        yield x


def counted(count: int) -> int:
    """Return `count`; `InputError` if it is 0."""
    if count == 0:
        raise InputError("no batches")
    return count


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put `module` in eval mode inside the block."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)


@contextlib.contextmanager
def removing(hooks: Sequence[Any]) -> Iterator[None]:
    """Remove hooks when the block ends."""
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
