"""Training between passes: on the labels, and on what the original network says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pauca.errors import InputError
from pauca.nn.moments_torch import evaluating
from pauca.nn.passes.distill_torch import distillation_loss
from pauca.nn.passes.options import DistillOptions
from pauca.nn.shrinking.samples import Samples

TEACHING = DistillOptions(temperature=2.0, weight=0.5)


@dataclass(frozen=True)
class FitOptions:
    """`epochs` of Adam at `rate`, falling as a cosine, on batches of `batch`.

    `bf16`: products in bfloat16, several times as fast where the processor has them.
    """

    epochs: float = 1.0
    rate: float = 1e-3
    batch: int = 128
    seed: int = 0
    bf16: bool = False


def trainer(samples: Samples, teacher: nn.Module, options: FitOptions) -> Callable[[Any], None]:
    """Return what trains a module in place; samples need labels.

    Integer labels and outputs (n, classes): cross-entropy beside the teacher's answers. Labels in
    the outputs' shape: binary cross-entropy of logits where they are all 0..1, else squared error.
    """
    if samples.labels is None:
        raise InputError("training needs labels: an array y in the data")
    inputs = [_as_input(a) for a in samples.inputs.values()]
    labels = torch.from_numpy(np.ascontiguousarray(samples.labels))
    steps = max(1, math.ceil(options.epochs * len(samples) / options.batch))

    @cache
    def answers() -> Tensor | None:
        classes = labels.ndim == 1 and not labels.is_floating_point()
        return _answers_of(teacher, inputs, options) if classes else None

    def train(module: nn.Module) -> None:
        torch.manual_seed(options.seed)
        draw = torch.Generator().manual_seed(options.seed)
        parameters = [p for p in module.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(parameters, options.rate)
        order = torch.zeros(0, dtype=torch.int64)
        taught = answers()
        for step in range(steps):
            if len(order) < min(options.batch, len(samples)):
                order = torch.randperm(len(samples), generator=draw)
            rows, order = order[: options.batch], order[options.batch :]
            for group in optimizer.param_groups:
                group["lr"] = options.rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            with _precision(inputs[0], options):
                output = module(*(a[rows] for a in inputs)).float()
            loss = _loss(output, labels[rows], None if taught is None else taught[rows])
            if not torch.isfinite(loss):
                raise InputError("training diverged: lower --rate")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return train


def _as_input(array: NDArray[Any]) -> Tensor:
    """Samples as a tensor, pictures with channels last, which convolutions like."""
    x = torch.from_numpy(array)
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


@torch.no_grad()
def _answers_of(teacher: nn.Module, inputs: Sequence[Tensor], options: FitOptions) -> Tensor | None:
    """What the teacher says of every sample, asked once and not in every pass; None where that is
    no choice of classes.
    """
    parts = zip(*(torch.split(a, options.batch) for a in inputs), strict=True)
    with evaluating(teacher), _precision(inputs[0], options):
        found = torch.cat([teacher(*part).float() for part in parts])
    return found if found.ndim == 2 and found.shape[1] > 1 else None


def _precision(x: Tensor, options: FitOptions) -> torch.autocast:
    return torch.autocast(x.device.type, torch.bfloat16, enabled=options.bf16)


def _loss(output: Tensor, y: Tensor, taught: Tensor | None) -> Tensor:
    if taught is not None:
        return distillation_loss(output, taught, y.long(), TEACHING)
    target = y.to(output.dtype)
    if output.numel() != target.numel():
        raise InputError(f"labels {tuple(y.shape)} do not fit outputs {tuple(output.shape)}")
    target = target.reshape(output.shape)
    if bool(((target >= 0) & (target <= 1)).all()):
        return functional.binary_cross_entropy_with_logits(output, target)
    return functional.mse_loss(output, target)
