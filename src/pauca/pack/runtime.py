"""Who executes the networks of a pack: the integer engine of the core, or ONNX Runtime and OpenVINO
for comparison.

All give the same integers (spec/intnet.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from pauca.errors import InputError
from pauca.pack.intnet import Layer, Program, Tensor, run_plain

MOST_THREADS = 1024


class Runner(Protocol):
    """Executes one program again and again; tensors are (h, w, channels)."""

    def run(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Inputs by name to outputs by name."""


class PlainRunner:
    """The int64 numpy definition itself."""

    def __init__(self, program: Program, layers: Mapping[str, Layer]):
        self._program, self._layers = program, layers

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Execute `run_plain`."""
        return run_plain(self._program, self._layers, inputs)


def default_threads() -> int:
    """Cores this process may use."""
    return (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    )


def threads_of(wanted: int) -> int:
    """How many threads `wanted` are: 0 for all cores; `InputError` below."""
    if wanted < 0:
        raise InputError(f"{wanted} threads; 0 or more expected")
    return min(wanted, MOST_THREADS) or default_threads()


def make_runner(kind: str, program: Program, layers: Mapping[str, Layer], threads: int) -> Runner:
    """A runner of kind native, plain, onnxruntime, openvino (extra `fast`) or torch."""
    if kind == "native":
        from pauca.pack.engine import Engine

        return Engine(program, layers, threads=threads)
    if kind == "plain":
        return PlainRunner(program, layers)
    if kind in ("onnxruntime", "openvino"):
        from pauca.pack import graphs

        return graphs.make_graph_runner(kind, program, layers, threads)
    if kind == "torch":
        from pauca.nets.twin import TorchRunner

        return TorchRunner(program, layers, threads)
    raise InputError(f"unknown runtime {kind!r}: native, plain, onnxruntime, openvino or torch")


def float_session(graph: bytes, threads: int) -> Any:
    """An ONNX Runtime session on the CPU for a float graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
