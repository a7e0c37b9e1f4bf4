"""Training between passes: on the labels, and on what the original network says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pauca.errors import InputError
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
    inputs = [torch.from_numpy(a) for a in samples.inputs.values()]
    labels = torch.from_numpy(np.ascontiguousarray(samples.labels))
    steps = max(1, math.ceil(options.epochs * len(samples) / options.batch))

    def train(module: nn.Module) -> None:
        torch.manual_seed(options.seed)
        draw = torch.Generator().manual_seed(options.seed)
        parameters = [p for p in module.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(parameters, options.rate)
        order = torch.zeros(0, dtype=torch.int64)
        for step in range(steps):
            if len(order) < min(options.batch, len(samples)):
                order = torch.randperm(len(samples), generator=draw)
            rows, order = order[: options.batch], order[options.batch :]
            for group in optimizer.param_groups:
                group["lr"] = options.rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            x = tuple(a[rows] for a in inputs)
            with torch.autocast(x[0].device.type, torch.bfloat16, enabled=options.bf16):
                loss = _loss(module(*x), labels[rows], teacher, x)
            if not torch.isfinite(loss):
                raise InputError("training diverged: lower --rate")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return train


def _loss(output: Tensor, y: Tensor, teacher: nn.Module, x: tuple[Tensor, ...]) -> Tensor:
    if output.ndim == 2 and y.ndim == 1 and not y.is_floating_point() and output.shape[1] > 1:
        with torch.no_grad():
            answer = teacher(*x)
        return distillation_loss(output.float(), answer.float(), y.long(), TEACHING)
    output = output.float()
    target = y.to(output.dtype)
    if output.numel() != target.numel():
        raise InputError(f"labels {tuple(y.shape)} do not fit outputs {tuple(output.shape)}")
    target = target.reshape(output.shape)
    if bool(((target >= 0) & (target <= 1)).all()):
        return functional.binary_cross_entropy_with_logits(output, target)
    return functional.mse_loss(output, target)
