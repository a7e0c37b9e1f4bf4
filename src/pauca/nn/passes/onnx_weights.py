"""Passes that change the weights of an ONNX graph and leave the graph as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from pauca.errors import UnsupportedError
from pauca.nn.passes.coded import skipped
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.masks import masks_of
from pauca.nn.passes.onnx_graph import Matrix, matrices, with_values
from pauca.nn.passes.options import PruneOptions, ShareOptions
from pauca.nn.quantize.kmeans import KMeansOptions, quantize_kmeans


def prune(model: Any, options: PruneOptions, context: Context = NO_CONTEXT) -> Any:
    """Return the model with its smallest weights at 0; the caller's `train` is for torch."""
    chosen = {m.name: m for m in _chosen(model, options.skip)}
    rows = {name: m.rows(m.values) for name, m in chosen.items()}
    masks = masks_of(rows, options)
    return with_values(model, {n: m.back(rows[n] * masks[n]) for n, m in chosen.items()})


def share(model: Any, options: ShareOptions, context: Context = NO_CONTEXT) -> Any:
    """Return the model with the weights of each layer shared among few values, by k-means."""
    weights = {m.name: m.values for m in _chosen(model, options.skip)}
    shared = quantize_kmeans(weights, KMeansOptions(options.clusters, options.rounds))
    return with_values(model, {n: q.values().astype(np.float32) for n, q in shared.items()})


def _chosen(model: Any, skip: tuple[str, ...]) -> list[Matrix]:
    found = [matrix for matrix in matrices(model) if not skipped(matrix.name, skip)]
    if not found:
        raise UnsupportedError("the ONNX model has no layer with float32 weights")
    return found
