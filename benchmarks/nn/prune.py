"""Gradual magnitude pruning: which weights stay, and weights that may come back.

The share of weights that stay falls by a cubic (Zhu and Gupta 2017). Layers are made comparable
by the layer-adaptive magnitude of Lee et al. 2021: a weight counts by its square over the sum of
the squares in its layer that are not smaller, which needs no sparsity per layer. Until the masks
freeze, gradients also reach weights that are masked, so that a wrong cut can heal (Guo et al.
2016).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

START, FREEZE = 0.05, 0.65  # of the training steps: the first cut; the last change of a mask


def share_at(progress: float, nonzero: float) -> float:
    """Return the share of weights that stays at `progress` 0..1, from 1 down to `nonzero`."""
    t = min(max((progress - START) / (FREEZE - START), 0.0), 1.0)
    return nonzero + (1 - nonzero) * (1 - t) ** 3


@torch.no_grad()
def masks_for(weights: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return boolean masks that keep the best `share` (0..1] of all `weights` together."""
    scores = {name: _scores(weight) for name, weight in weights.items()}
    every = torch.cat([score.flatten() for score in scores.values()])
    keep = max(1, round(share * every.numel()))
    threshold = every.kthvalue(every.numel() - keep + 1).values
    return {name: score >= threshold for name, score in scores.items()}


def _scores(weight: Tensor) -> Tensor:
    squares, order = weight.detach().double().flatten().square().sort(descending=True)
    scores = torch.empty_like(squares)
    scores[order] = squares / squares.cumsum(0).clamp(min=1e-300)
    return scores.view(weight.shape)


def masked(weight: Tensor, mask: Tensor, healing: bool) -> Tensor:
    """Return `weight` with its masked entries at 0; while `healing`, gradients ignore the mask."""
    cut = weight * mask
    return weight + (cut - weight).detach() if healing else cut
