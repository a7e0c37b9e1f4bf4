"""ONNX graphs in a search: tensors in and out, what samples tell of the layers, milliseconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pauca.limits import Limits
from pauca.nn.model import Network, network_bytes, read_network
from pauca.nn.passes.interface import Context
from pauca.nn.passes.onnx_graph import input_names, latency, load_model, matrices
from pauca.nn.shrinking.coding import Known
from pauca.nn.shrinking.onnx_statistics import known_of, tables_of
from pauca.nn.shrinking.samples import Samples

FEEDS = 512  # samples that statistics and calibration see
BATCH = 64  # of a run; also of the run that is timed
SECONDS = 0.3  # of timing a trial


class OnnxSide:
    """A side (`workshop.Side`) of ONNX models, with samples or without."""

    def __init__(self, samples: Samples | None, batch: int = BATCH) -> None:
        """`batch`: samples of the run that is timed."""
        self.samples, self.batch = samples, batch

    def network(self, model: Any) -> Network:
        """Return the initializers and the graph."""
        return read_network(model.SerializeToString(), Limits())

    def filled(self, model: Any, network: Network) -> Any:
        """Return the graph with other values."""
        if network.kind != "onnx":  # tensors that were kept alone
            network = self.network(model).with_tensors(network.tensors)
        return load_model(network_bytes(network))

    def known(self, model: Any) -> list[Known]:
        """Return the statistics of products, convolutions, recurrent layers and tables."""
        return known_of(model, self._feeds(model)) if self.samples else []

    def allowed(self, model: Any) -> set[str] | None:
        """Return weights of layers, tables, and vectors: other constants steer the graph."""
        weights = {m.name for m in matrices(model)} | set(tables_of(model))
        vectors = {
            t.name for t in model.graph.initializer if len(t.dims) == 1 and math.prod(t.dims) > 1
        }
        return weights | (vectors & _added(model))

    def latency(self, model: Any) -> float | None:
        """Return the processor's milliseconds of one run on one thread."""
        if self.samples is None:
            return None
        feeds = self.samples.feeds(input_names(model), self.batch, self.batch)
        return latency(feeds[0], SECONDS)(model)

    def context(self, model: Any) -> Context:
        """Return samples for calibration."""
        return Context(feeds=self._feeds(model)) if self.samples else Context()

    def _feeds(self, model: Any) -> list[dict[str, Any]]:
        assert self.samples is not None  # as the callers see to
        return self.samples.feeds(input_names(model), FEEDS, BATCH)


def _added(model: Any) -> set[str]:
    """Return the names of vectors that layers add or normalize with."""
    places: Mapping[str, Sequence[int]] = {
        "Conv": (2,), "ConvTranspose": (2,), "Gemm": (2,), "Add": (0, 1),
        "BatchNormalization": (1, 2, 3, 4),
    }  # fmt: skip
    found = set()
    for node in model.graph.node:
        for place in places.get(node.op_type, ()):
            if place < len(node.input):
                found.add(node.input[place])
    return found
