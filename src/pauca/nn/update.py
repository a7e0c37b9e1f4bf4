"""Updates: what leads from one network to the next, as a stream of kind update.

In rounds of learning over a thin channel a coded difference is not the true one. `Feedback` keeps
what was lost and adds it to the next difference, so that errors do not add up (Seide et al., 1-bit
SGD, Interspeech 2014; Karimireddy et al., arXiv:1901.09847).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn import units
from pauca.nn.codec import check_levels
from pauca.nn.dtypes import Array, dtype_of, is_real, to_float32
from pauca.nn.model import Network, Quantized
from pauca.nn.stream import write_stream
from pauca.nn.table import Method

Floats = dict[str, NDArray[np.float32]]
Quantizer = Callable[[Floats], Mapping[str, Quantized]]


def encode_update(
    network: Network,
    base: Network,
    differences: Mapping[str, Quantized] | None = None,
    threads: int = 1,
) -> bytes:
    """Return the stream of what leads from `base`, as its decoder has it, to `network`.

    `differences`: levels of `tensor - base`; other tensors that changed are coded losslessly.
    `decode_network(data, base=base)` turns it back. Raises `InputError` if levels fit no tensor or
    the base lacks it.
    """
    differences = differences or {}
    check_levels(network, differences)
    methods = {
        name: _method(name, array, base, differences) for name, array in network.tensors.items()
    }

    def encode(method: Method, names: Sequence[str]) -> bytes:
        if method is Method.SAME:
            return b""
        if method is Method.DIFFERENCE:
            return units.encode_steps([differences[name] for name in names])
        arrays = [network.tensors[name] for name in names]
        if method is Method.LOSSLESS:
            return units.encode_plain(arrays, dtype_of(arrays[0]))
        bases = [base.tensors[name] for name in names]
        return units.encode_bits(arrays, bases, dtype_of(arrays[0]))

    return write_stream(network, methods, encode, threads, base)


def differences_of(network: Network, base: Network) -> Floats:
    """Return `tensor - base` as float32 for every real tensor that changed and that both have."""
    found: Floats = {}
    for name, array in network.tensors.items():
        old = base.tensors.get(name)
        if _fits(array, old) and old is not None and is_real(array) and _differ(array, old):
            found[name] = to_float32(array) - to_float32(old)
    return found


@dataclass
class Feedback:
    """Error feedback of one sender: `residual` is what earlier rounds owe, by tensor."""

    residual: Floats = field(default_factory=dict)

    def quantize(self, differences: Floats, quantizer: Quantizer) -> dict[str, Quantized]:
        """Return `quantizer(differences + residual)`, and keep what it loses for the next round.

        Tensors that the quantizer leaves out are owed whole. Raises `InputError` where a shape
        changes between rounds.
        """
        owed = dict(differences)
        for name, rest in self.residual.items():
            if name in owed and owed[name].shape != rest.shape:
                raise InputError(f"{name!r} has changed its shape between rounds")
            owed[name] = owed[name] + rest if name in owed else rest
        sent = dict(quantizer(owed))
        self.residual = {
            name: wanted - sent[name].values().astype(np.float32) if name in sent else wanted
            for name, wanted in owed.items()
        }
        return sent


def _method(name: str, array: Array, base: Network, differences: Mapping[str, Quantized]) -> Method:
    old = base.tensors.get(name)
    if name in differences and array.size:
        if not _fits(array, old) or differences[name].codebook is not None:
            raise InputError(f"{name!r} has no difference in levels to the base")
        return Method.DIFFERENCE
    if old is None or not _fits(array, old):
        return Method.LOSSLESS
    return Method.BITS if _differ(array, old) else Method.SAME


def _fits(array: Array, old: Array | None) -> bool:
    return old is not None and (old.shape, old.dtype) == (array.shape, array.dtype)


def _differ(array: Array, old: Array) -> bool:
    """Whether a bit differs: floats would call two NaNs different and two zeros alike."""
    return not np.array_equal(array.reshape(-1).view("u1"), old.reshape(-1).view("u1"))
