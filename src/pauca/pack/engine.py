"""Integer networks on the C++ core: the integers of `intnet.run_plain` at int8 speed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pauca._core import NativeNetwork
from pauca.errors import InputError, PackError
from pauca.pack.intnet import Layer, Program

_OPS = {"conv": 0, "residual": 1, "cat": 2, "unfold": 3}

Array = NDArray[np.uint8] | NDArray[np.int8] | NDArray[np.int16]
LayerArrays = tuple[
    NDArray[np.int8], NDArray[np.int32], NDArray[np.uint8], NDArray[np.int16], NDArray[np.int16]
]


class Engine:
    """A program compiled for this processor; runs it on pictures of any size.

    One engine has one workspace: calls from several threads wait for each other.
    """

    def __init__(
        self, program: Program, layers: Mapping[str, Layer], threads: int = 0, kernel: str = "auto"
    ) -> None:
        """Compile `program`; `threads` 0 means all, `kernel` forces scalar, avx2, vnni or amx
        code.

        Raises `PackError` if the program breaks a rule of spec/intnet.md or reads a tensor of more
        than 8 bits, and `InputError` for an unknown or unavailable kernel.
        """
        if threads < 0:
            raise InputError("threads must not be negative")
        self._program = program
        self._threads = threads
        self._kernel = kernel
        self._description = _Description(program, layers)
        # The type of an input moves the biases, so there is one native network per combination of
        # types; callers have one as a rule. Making one now finds what is wrong with the program.
        self._native: dict[tuple[bool, ...], NativeNetwork] = {}
        self._network((False,) * len(program.inputs))

    def run(self, inputs: Mapping[str, NDArray[np.integer]]) -> dict[str, Array]:
        """Arrays (h, w, channels) uint8 or int8 of every input to arrays of every output.

        Outputs are C-contiguous: uint8 or int8 if the clamps of their layer fit, else int16. Raises
        `InputError` if an input is missing, or has a wrong type or shape.
        """
        arrays, kinds = [], []
        shape: tuple[int, ...] | None = None
        for name, channels in self._program.inputs:
            array = inputs.get(name)
            if array is None:
                raise InputError(f"integer network: input {name!r} is missing")
            if array.dtype not in (np.dtype(np.uint8), np.dtype(np.int8)):
                raise InputError(
                    f"integer network: input {name!r} is {array.dtype}, not uint8 or int8"
                )
            if (
                array.ndim != 3
                or array.shape[2] != channels
                or (shape or array.shape[:2]) != array.shape[:2]
            ):
                raise InputError(f"integer network: input {name!r} has shape {array.shape}")
            shape = array.shape[:2]
            arrays.append(np.ascontiguousarray(array))
            kinds.append(array.dtype == np.dtype(np.int8))
        try:
            results = self._network(tuple(kinds)).run(arrays, self._threads)
        except ValueError as error:
            raise InputError(f"integer network: {error}") from None
        return dict(zip(self._description.output_names, results, strict=True))

    @property
    def macs(self) -> float:
        """Multiply-accumulates per cell of the input's grid."""
        return next(iter(self._native.values())).cost()

    def _network(self, kinds: tuple[bool, ...]) -> NativeNetwork:
        network = self._native.get(kinds)
        if network is None:
            network = self._description.compile(kinds, self._kernel)
            self._native[kinds] = network
        return network


class _Description:
    """The program with numbers for names, as the core wants it."""

    def __init__(self, program: Program, layers: Mapping[str, Layer]) -> None:
        self._numbers: dict[str, int] = {}
        self._count = 0
        self._inputs = [(self._define(name), channels) for name, channels in program.inputs]
        used: dict[str, int] = {}
        self._layers: list[LayerArrays] = []
        self._steps: list[tuple[int, int, list[int], int]] = []
        for step in program.steps:
            if step.op not in _OPS:
                raise PackError(f"integer network: unknown step {step.op!r}")
            sources = [self._number(name) for name in step.sources]
            layer = 0
            if step.op in ("conv", "residual"):
                if step.layer not in layers:
                    raise PackError(f"integer network: no layer {step.layer!r}")
                if step.layer not in used:
                    used[step.layer] = len(used)
                    layers[step.layer].check(step.layer)
                    self._layers.append(_arrays(layers[step.layer]))
                layer = used[step.layer]
            self._steps.append((_OPS[step.op], self._define(step.out), sources, layer))
        self.output_names = list(dict.fromkeys(program.outputs))
        self._outputs = [self._number(name) for name in self.output_names]

    def compile(self, kinds: tuple[bool, ...], kernel: str) -> NativeNetwork:
        inputs = [(n, c, kind) for (n, c), kind in zip(self._inputs, kinds, strict=True)]
        try:
            return NativeNetwork(
                self._count, inputs, self._outputs, self._steps, self._layers, kernel
            )
        except ValueError as error:
            kind = InputError if "kernel" in str(error) else PackError
            raise kind(str(error)) from None
        except TypeError:  # channels that are no 32-bit number
            raise PackError("integer network: malformed description") from None

    def _define(self, name: str) -> int:
        """A new number: a name given twice means its latest tensor."""
        self._numbers[name] = self._count
        self._count += 1
        return self._numbers[name]

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            raise PackError(f"integer network: tensor {name!r} is used before it is made")
        return self._numbers[name]


def _arrays(layer: Layer) -> LayerArrays:
    return (
        np.ascontiguousarray(layer.weight, np.int8),
        np.ascontiguousarray(layer.bias, np.int32),
        np.ascontiguousarray(layer.shift, np.uint8),
        np.ascontiguousarray(layer.low, np.int16),
        np.ascontiguousarray(layer.high, np.int16),
    )
