"""Distillation: a student learns a teacher's soft answers beside the labels (arXiv:1503.02531)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pauca.errors import InputError
from pauca.nn.passes.cost_torch import copied
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.options import DistillOptions


def distillation_loss(
    student: Tensor, teacher: Tensor, labels: Tensor | None, options: DistillOptions
) -> Tensor:
    """Return the loss of logits (N, classes), labels (N,): KL at temperature, plus cross-entropy.

    KL is times temperature squared, so that its gradients keep their size (section 2.1).
    """
    t = options.temperature
    soft = functional.kl_div(
        (student / t).log_softmax(-1), (teacher / t).log_softmax(-1), None, None, "batchmean", True
    )
    loss = options.weight * t * t * soft
    if labels is not None and options.weight < 1:
        loss = loss + (1 - options.weight) * functional.cross_entropy(student, labels)
    return loss


def distill(
    student: nn.Module, options: DistillOptions, context: Context = NO_CONTEXT
) -> nn.Module:
    """Return a copy of `student` trained on `context.batches` with `context.teacher`.

    Runs where the student's parameters lie; the teacher is copied there. Batches are (inputs,
    labels), labels None where there are none. `InputError` without a teacher or batches.
    """
    if context.teacher is None or not context.batches:
        raise InputError("distillation needs a teacher and batches of inputs and labels")
    out = copied(student)
    device = next(out.parameters()).device
    teacher = copied(context.teacher).to(device).eval()
    optimizer = torch.optim.Adam(out.parameters(), options.rate)
    was = out.training
    out.train()
    for _ in range(options.epochs):
        for x, y in context.batches:
            x = x.to(device)
            with torch.no_grad():
                answers = teacher(x)
            labels = None if y is None else y.to(device)
            loss = distillation_loss(out(x), answers, labels, options)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return out.train(was)
