"""What only the running network can tell: Fisher information and statistics of layers.

Functions over a torch module and batches. A batch is a tensor of inputs, or a tuple whose first
item is that. The module is put in eval mode meanwhile and comes back as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from pauca.errors import InputError
from pauca.nn.moments_torch import counted, evaluating, inputs_of, moments_of_all, removing
from pauca.nn.quantize.second_order import Layer
from pauca.nn.sensitivity import LayerStatistics

Floats = NDArray[np.float64]
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)
GRADIENTS = 2**27  # numbers


@dataclass(frozen=True)
class SensitivityOptions:
    """How the worth of an output is measured.

    With `classes` the module gives logits (n, classes): the Fisher information of their softmax at
    `temperature`, labels drawn from the module itself. A network that is sure of its training data
    has almost none at temperature 1, and it says nothing of the margin that errors eat; at 4 it
    does. Without, all outputs count alike: squared error, by random signs (Hutchinson 1990).
    """

    classes: bool = True
    temperature: float = 4.0
    seed: int = 0


def fisher_diagonal(
    module: nn.Module, batches: Iterable[Any], options: SensitivityOptions | None = None
) -> dict[str, Floats]:
    """Return the mean squared gradient of each sample's loss at every parameter, by name."""
    options = options or SensitivityOptions()
    parameters = {name: p.detach() for name, p in module.named_parameters()}
    buffers = {name: b.detach() for name, b in module.named_buffers()}
    draw = torch.Generator().manual_seed(options.seed)
    # A gradient for each sample: as many at once as fit in half a gigabyte.
    together = min(64, max(1, GRADIENTS // sum(p.numel() for p in parameters.values())))

    def loss(weights: dict[str, Tensor], x: Tensor, target: Tensor) -> Tensor:
        output = functional_call(module, {**weights, **buffers}, (x[None],))
        return _probe_loss(output, target[None], options)

    total = {name: torch.zeros_like(p, dtype=torch.float64) for name, p in parameters.items()}
    count = 0
    with evaluating(module):
        for x in inputs_of(batches):
            with torch.no_grad():
                targets = _probe(module(x), options, draw)
            pieces = zip(torch.split(x, together), torch.split(targets, together), strict=True)
            for part, aims in pieces:
                for name, g in vmap(grad(loss), (None, 0, 0))(parameters, part, aims).items():
                    total[name] += g.square_().sum(0)
            count += len(x)
    return {name: t.numpy() / counted(count) for name, t in total.items()}


def layers_in_order(module: nn.Module, batches: Iterable[Any]) -> list[str]:
    """Return the names of the linear and convolutional layers in the order they first run."""
    names: dict[nn.Module, str] = {
        m: name for name, m in module.named_modules() if isinstance(m, LAYERS)
    }
    order: list[str] = []

    def note(layer: nn.Module, *_: Any) -> None:
        if names[layer] not in order:
            order.append(names[layer])

    hooks = [layer.register_forward_hook(note) for layer in names]
    with evaluating(module), removing(hooks), torch.no_grad():
        for x in inputs_of(batches):
            module(x)
            break
    return order


def layer_statistics(
    module: nn.Module,
    batches: Iterable[Any],
    options: SensitivityOptions | None = None,
    positions: int | None = None,
) -> dict[Layer, LayerStatistics]:
    """Return the statistics of every linear and convolutional layer, in the order they run.

    `batches` must be a sequence or another iterable that can be walked twice. Convolutions are
    looked at in at most `positions` places of a sample, None for all.
    """
    worth = output_worth(module, batches, options)
    moments = moments_of_all(module, layers_in_order(module, batches), batches, positions)
    out = {}
    for name, found in moments.items():
        has_bias = module.get_submodule(name).bias is not None
        out[layer_of(module, name)] = LayerStatistics(found, worth[name], None, bool(has_bias))
    return out


def layer_of(module: nn.Module, name: str) -> Layer:
    """Return the names of the tensors of the layer `name` in the module's state."""
    prefix = f"{name}." if name else ""
    has_bias = module.get_submodule(name).bias is not None
    return Layer(f"{prefix}weight", f"{prefix}bias" if has_bias else None)


def output_worth(
    module: nn.Module, batches: Iterable[Any], options: SensitivityOptions | None = None
) -> dict[str, Floats]:
    """Return the mean square of the loss's gradient at each layer's outputs, (rows,) by name.

    Of a convolution, squares are summed over positions (Grosse and Martens, arXiv:1602.01407).
    """
    options = options or SensitivityOptions()
    draw = torch.Generator().manual_seed(options.seed)
    total: dict[str, Tensor] = {}
    count = 0

    def watch(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, _: Any, output: Tensor) -> None:
            axis = -1 if isinstance(layer, nn.Linear) else 1

            def add(gradient: Tensor) -> None:
                square = gradient.double().square().movedim(axis, -1)
                summed = square.reshape(-1, square.shape[-1]).sum(0)
                total[name] = total.get(name, torch.zeros_like(summed)) + summed

            output.register_hook(add)  # type: ignore[no-untyped-call]

        return hook

    layers = {n: m for n, m in module.named_modules() if isinstance(m, LAYERS)}
    hooks = [layer.register_forward_hook(watch(name)) for name, layer in layers.items()]
    with evaluating(module), removing(hooks), torch.enable_grad():
        for x in inputs_of(batches):
            output = module(x.detach().requires_grad_(x.is_floating_point()))
            loss = _probe_loss(output, _probe(output.detach(), options, draw), options)
            torch.autograd.grad(loss, [p for p in module.parameters() if p.requires_grad])
            count += len(x)
    return {name: total[name].numpy() / counted(count) for name in layers if name in total}


def _probe(output: Tensor, options: SensitivityOptions, draw: torch.Generator) -> Tensor:
    if not options.classes:
        return torch.randint(0, 2, output.shape, generator=draw).to(output.dtype) * 2 - 1
    if output.ndim != 2:
        raise InputError("logits must be (n, classes); say classes=False for other outputs")
    chances = (output / options.temperature).softmax(1)
    return torch.multinomial(chances, 1, generator=draw)[:, 0]


def _probe_loss(output: Tensor, target: Tensor, options: SensitivityOptions) -> Tensor:
    if not options.classes:
        return (output * target).sum()
    return functional.cross_entropy(output / options.temperature, target, reduction="sum")
