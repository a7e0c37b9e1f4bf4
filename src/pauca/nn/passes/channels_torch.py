"""Structured pruning: whole channels are cut out, and the network really becomes smaller."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pauca.errors import UnsupportedError
from pauca.nn.passes.coded import skipped
from pauca.nn.passes.cost_torch import arguments, copied, tuned
from pauca.nn.passes.groups_torch import NORMS, Groups, Use, kept_index, trace_groups
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.options import ChannelOptions


def prune_channels(
    module: nn.Module, options: ChannelOptions, context: Context = NO_CONTEXT
) -> nn.Module:
    """Return a copy with fewer channels, fine-tuned by `context.train` if given.

    Needs `context.example`. Channels that are summed are cut together; inputs, outputs and what
    passes through operations that are not understood keep theirs. `UnsupportedError` where the
    module cannot be traced, nothing can be cut, or it does not run with fewer channels.
    """
    groups = trace_groups(module, context.example)
    out = copied(module)
    kept = _chosen(groups, _scores(out, groups, options), options)
    if not kept:
        raise UnsupportedError("no channels can be cut: all belong to inputs, outputs or the like")
    with torch.no_grad():
        for use in groups.uses:
            _cut(out.get_submodule(use.layer), use, kept_index(groups, use.space, kept))
        was = out.training
        try:
            out.eval()(*arguments(context.example))
        except Exception as error:  # a forward with sizes written out
            line = str(error).strip().split("\n")[0]
            raise UnsupportedError(f"the module cannot run with fewer channels: {line}") from error
        out.train(was)
    tuned(out, context.train)
    return out


def _scores(module: nn.Module, groups: Groups, options: ChannelOptions) -> dict[int, Tensor]:
    """Return how much each channel of every group that may shrink is worth, mean 1 a group."""
    found: dict[int, list[Tensor]] = {}
    for use in groups.uses:
        roots = [groups.root(group) for group, _ in use.space.segments]
        if use.role != "in" and skipped(use.layer, options.skip):
            groups.fix(use.space)
            continue
        score = _score(module.get_submodule(use.layer), use, options.criterion)
        if score is not None and len(roots) == 1 and len(score) == groups.sizes[roots[0]]:
            found.setdefault(roots[0], []).append(score / score.mean().clamp_min(1e-12))
    return {
        root: torch.stack(scores).mean(0)
        for root, scores in found.items()
        if root not in {groups.root(group) for group in groups.fixed}
    }


def _score(layer: nn.Module, use: Use, criterion: str) -> Tensor | None:
    weight = layer.weight
    if not isinstance(weight, Tensor):  # a normalization without a scale
        return None
    if criterion == "gamma":
        return weight.detach().abs() if isinstance(layer, NORMS) else None
    return weight.detach().abs().flatten(1).mean(1) if use.role == "out" else None


def _chosen(
    groups: Groups, scores: dict[int, Tensor], options: ChannelOptions
) -> dict[int, Tensor]:
    """Return the channels that stay of each group that loses some, in their order."""
    kept = {}
    bar = None
    if options.scope == "global" and scores:
        everything = torch.cat(list(scores.values())).sort().values
        bar = everything[min(round(options.ratio * len(everything)), len(everything) - 1)]
    for root, score in scores.items():
        size = groups.sizes[root]
        stay = size - round(options.ratio * size) if bar is None else int((score >= bar).sum())
        stay = -(-max(stay, 1) // options.multiple) * options.multiple
        if stay < size:
            kept[root] = score.topk(stay).indices.sort().values
    return kept


def _cut(layer: nn.Module, use: Use, index: Tensor) -> None:
    if use.role == "in":
        layer.weight = nn.Parameter(layer.weight.index_select(1, index.to(_place(layer))))  # type: ignore[operator]
        _renamed(layer, ("in_channels", "in_features"), len(index))
        return
    for name, value in [
        *layer.named_parameters(recurse=False),
        *layer.named_buffers(recurse=False),
    ]:
        if value.ndim:
            part = value.index_select(0, index.to(value.device))
            setattr(layer, name, nn.Parameter(part) if isinstance(value, nn.Parameter) else part)
    _renamed(layer, ("out_channels", "out_features", "num_features", "num_parameters"), len(index))
    if use.role == "each" and isinstance(layer, nn.Conv1d | nn.Conv2d):
        layer.in_channels = layer.groups = len(index)


def _place(layer: nn.Module) -> torch.device:
    return next(layer.parameters()).device


def _renamed(layer: nn.Module, names: tuple[str, ...], size: int) -> None:
    for name in names:
        if hasattr(layer, name):
            setattr(layer, name, size)
