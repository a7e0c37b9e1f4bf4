"""Torch modules as passes see them: layers with weights, multiply-accumulates, cost, time."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pauca.errors import InputError, UnsupportedError
from pauca.nn.model import Network
from pauca.nn.passes.coded import coded_bytes, nonzero_share, skipped
from pauca.nn.passes.interface import Context, Cost
from pauca.nn.passes.timing import best_ms

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
RECURRENT = (nn.LSTM, nn.GRU, nn.RNN)


def weights_of(module: nn.Module, skip: tuple[str, ...] = ()) -> Iterator[tuple[str, str, Tensor]]:
    """Yield (layer, parameter, value) of every matrix and filter, recurrent ones included.

    `UnsupportedError` if there is none.
    """
    found = False
    for name, layer in module.named_modules():
        if not isinstance(layer, (*LAYERS, *RECURRENT)) or skipped(name, skip):
            continue
        for parameter, value in layer.named_parameters(recurse=False):
            if value.ndim >= 2:
                found = True
                yield name, parameter, value
    if not found:
        raise UnsupportedError("the module has no linear, convolutional or recurrent layer")


def copied(module: nn.Module) -> nn.Module:
    """Return a deep copy; `UnsupportedError` where the module cannot be copied."""
    try:
        return copy.deepcopy(module)
    except Exception as error:  # what a foreign module does when copied is its own affair
        raise UnsupportedError(f"the module cannot be copied: {error}") from error


def arguments(example: Any) -> tuple[Any, ...]:
    """Return an example as the arguments of a module; `InputError` where there is none."""
    if example is None:
        raise InputError("this pass needs an example of the module's input")
    return tuple(example) if isinstance(example, tuple | list) else (example,)


def count_macs(module: nn.Module, example: Any) -> int:
    """Return the multiply-accumulates of one run, by torch's own counter."""
    recurrent = 0

    def count(layer: Any, inputs: tuple[Tensor, ...], _: Any) -> None:
        nonlocal recurrent  # torch's counter does not see inside the fused recurrent kernels
        steps = inputs[0].numel() // inputs[0].shape[-1]
        recurrent += steps * sum(p.numel() for p in layer.parameters() if p.ndim == 2)

    hooks = [m.register_forward_hook(count) for m in module.modules() if isinstance(m, RECURRENT)]
    was = module.training
    module.eval()
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module(*arguments(example))
    finally:
        module.train(was)
        for hook in hooks:
            hook.remove()
    return int(counter.get_total_flops()) // 2 + recurrent


def network_of(module: nn.Module) -> Network:
    """Return the tensors of a module's state, as they are now."""
    state = {name: t.detach().cpu().numpy() for name, t in module.state_dict().items()}
    return Network({name: array for name, array in state.items() if array.size})


def cost(module: nn.Module, example: Any) -> Cost:
    """What a module costs; `example` is one run's input."""
    network = network_of(module)
    matrices = {name: a for name, a in network.tensors.items() if a.ndim >= 2}
    return Cost(
        network.nbytes,
        coded_bytes(network),
        sum(p.numel() for p in module.parameters()),
        nonzero_share(matrices),
        None if example is None else count_macs(module, example),
    )


def latency(example: Any, seconds: float = 0.5) -> Callable[[nn.Module], float]:
    """Return a function that gives a module's best milliseconds for `example`, in eval mode."""

    def measure(module: nn.Module) -> float:
        was = module.training
        module.eval()
        try:
            with torch.inference_mode():
                return best_ms(lambda: module(*arguments(example)), seconds)
        finally:
            module.train(was)

    return measure


def run_some(module: nn.Module, context: Context) -> None:
    """Run a module as it is, without gradients, on a few batches of the context or its example."""
    with torch.no_grad():
        if context.batches:
            for x, _ in itertools.islice(context.batches, 8):
                module(x)
        elif context.example is not None:
            module(*arguments(context.example))


def tuned(module: nn.Module, train: Callable[[Any], None] | None) -> None:
    """Train a module where the caller can, and leave it in the mode that it was in."""
    if train is not None:
        was = module.training
        module.train()
        train(module)
        module.train(was)
