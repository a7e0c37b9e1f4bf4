"""Magnitude pruning of torch modules, the mask held while the caller trains what is left."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from pauca.nn.passes.cost_torch import LAYERS, copied, tuned, weights_of
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.masks import masks_of
from pauca.nn.passes.options import PruneOptions


def prune(module: nn.Module, options: PruneOptions, context: Context = NO_CONTEXT) -> nn.Module:
    """Return a copy whose smallest weights are 0, fine-tuned by `context.train` if given."""
    out = copied(module)
    found = {(name, key): value for name, key, value in weights_of(out, options.skip)}
    rows = {
        f"{name}.{key}": _rows(out.get_submodule(name), value.detach()).cpu().numpy()
        for (name, key), value in found.items()
    }
    masks = masks_of(rows, options)
    for name, key in found:
        layer = out.get_submodule(name)
        mask = torch.from_numpy(np.ascontiguousarray(masks[f"{name}.{key}"]))
        mask = _back(layer, mask).to(found[name, key].device)
        torch_prune.custom_from_mask(layer, key, mask)  # type: ignore[no-untyped-call]
    tuned(out, context.train)
    for name, key in found:
        torch_prune.remove(out.get_submodule(name), key)  # type: ignore[no-untyped-call]
    return out


def _rows(layer: nn.Module, weight: Tensor) -> Tensor:
    """Turn a weight so that its last axis runs along the inputs."""
    if isinstance(layer, nn.ConvTranspose2d):
        return weight.movedim(0, -1)
    return weight.movedim(1, -1) if isinstance(layer, LAYERS) else weight


def _back(layer: nn.Module, rows: Tensor) -> Tensor:
    if isinstance(layer, nn.ConvTranspose2d):
        return rows.movedim(-1, 0)
    return rows.movedim(-1, 1) if isinstance(layer, LAYERS) else rows
