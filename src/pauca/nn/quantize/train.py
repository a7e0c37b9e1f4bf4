"""Quantization that needs the running network: second-order layer by layer, DC-v1's posterior.

A layer is quantized for the inputs that it will really get, those of the network quantized so far,
towards what it computed in the original network from its original inputs (least squares).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from pauca.nn.model import Quantized
from pauca.nn.moments_torch import counted, evaluating, moments_of
from pauca.nn.quantize.second_order import SecondOrderOptions, quantize_layer
from pauca.nn.sensitivity import LayerStatistics
from pauca.nn.train import (
    SensitivityOptions,
    layer_of,
    layers_in_order,
    output_worth,
)

Loss = Callable[[Tensor, Tensor], Tensor]


def quantize_in_order(
    module: nn.Module,
    batches: Sequence[Any],
    options: SecondOrderOptions,
    sensitivity: SensitivityOptions | None = None,
    positions: int | None = None,
) -> dict[str, Quantized]:
    """Return every linear and convolutional layer of `module` quantized; the module is not changed.

    `batches`: tensors of inputs, or tuples that start with one; labels are not needed. A network of
    n layers runs 2 n times over them. Convolutions are looked at in at most `positions` places.
    """
    worth = output_worth(module, batches, sensitivity)
    student = copy.deepcopy(module)
    out: dict[str, Quantized] = {}
    for name in layers_in_order(module, batches):
        if name not in worth:  # its outputs do not reach the network's
            continue
        layer = layer_of(student, name)
        moments, cross = moments_of(student, name, batches, module, positions)
        statistics = LayerStatistics(moments, worth[name], cross, layer.bias is not None)
        weights = {n: p.detach().numpy() for n, p in student.named_parameters()}
        found = quantize_layer(weights, layer, statistics, options)
        _fix(student, found)
        out.update(found)
    return out


def _fix(module: nn.Module, quantized: dict[str, Quantized]) -> None:
    with torch.no_grad():
        for name, tensor in quantized.items():
            module.get_parameter(name).copy_(torch.from_numpy(tensor.values().astype(np.float32)))


@dataclass(frozen=True)
class PosteriorOptions:
    """The variational fit: `epochs` over the batches with Adam at `rate`, from `start` times the
    deviation of each tensor; the prior has `prior` times the deviation of each tensor.
    """

    epochs: int = 3
    rate: float = 0.05
    start: float = 0.1
    prior: float = 1.0
    seed: int = 0


def posterior_deviations(
    module: nn.Module,
    batches: Sequence[tuple[Tensor, Tensor]],
    loss: Loss = functional.cross_entropy,
    options: PosteriorOptions | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return the deviation of every parameter in a factorized Gaussian posterior around its value.

    Minimizes E[loss of noisy weights] + KL(posterior | prior) / samples over the deviations (Kingma
    and Welling's estimator), the means fixed at the trained weights, as DC-v1 needs them.
    """
    options = options or PosteriorOptions()
    torch_state = torch.random.get_rng_state()
    torch.manual_seed(options.seed)
    means = {name: p.detach() for name, p in module.named_parameters()}
    scales = {name: float(p.double().square().mean().sqrt()) + 1e-8 for name, p in means.items()}
    logs = {
        name: torch.full_like(p, float(np.log(options.start * scales[name]))).requires_grad_()
        for name, p in means.items()
    }
    optimizer = torch.optim.Adam(list(logs.values()), options.rate)
    samples = counted(sum(len(x) for x, _ in batches))
    with evaluating(module):
        for _ in range(options.epochs):
            for x, y in batches:
                noisy = {n: means[n] + logs[n].exp() * torch.randn_like(means[n]) for n in means}
                value = loss(functional_call(module, noisy, (x,)), y)
                value = value + _divergence(means, logs, scales, options.prior) / samples
                optimizer.zero_grad()
                value.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    torch.random.set_rng_state(torch_state)
    return {name: log.detach().double().exp().numpy() for name, log in logs.items()}


def _divergence(
    means: dict[str, Tensor], logs: dict[str, Tensor], scales: dict[str, float], prior: float
) -> Tensor:
    total = torch.zeros(())
    for name, log in logs.items():
        variance = (prior * scales[name]) ** 2
        ratio = (2 * log).exp() / variance
        # The means' own term is constant here.
        total = total + 0.5 * (ratio - 1 - ratio.log()).sum()
    return total
