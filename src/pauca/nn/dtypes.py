"""Element types of tensors: how files name them, and the arrays that hold them.

numpy has no bfloat16 and no float8. Their tensors are arrays of a structured type with a single
unsigned field, `array["bfloat16"]`, so that they cannot be taken for integers and need no package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError

Array = NDArray[Any]


@dataclass(frozen=True)
class DType:
    """One element type: `code` in our streams, numpy's type, and its name elsewhere.

    `onnx` is the number in `TensorProto.DataType`, `safetensors` the name in its header; both are
    empty (0, "") where that format does not have the type. torch names it `name`.
    """

    code: int
    name: str
    numpy: np.dtype[Any]
    safetensors: str
    onnx: int

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return int(self.numpy.itemsize)


def _foreign(name: str, base: str) -> np.dtype[Any]:
    return np.dtype([(name, base)])


BFLOAT16 = _foreign("bfloat16", "<u2")

DTYPES = (
    DType(0, "float32", np.dtype("<f4"), "F32", 1),
    DType(1, "float16", np.dtype("<f2"), "F16", 10),
    DType(2, "bfloat16", BFLOAT16, "BF16", 16),
    DType(3, "float64", np.dtype("<f8"), "F64", 11),
    DType(4, "int8", np.dtype("i1"), "I8", 3),
    DType(5, "uint8", np.dtype("u1"), "U8", 2),
    DType(6, "int16", np.dtype("<i2"), "I16", 5),
    DType(7, "uint16", np.dtype("<u2"), "U16", 4),
    DType(8, "int32", np.dtype("<i4"), "I32", 6),
    DType(9, "uint32", np.dtype("<u4"), "U32", 12),
    DType(10, "int64", np.dtype("<i8"), "I64", 7),
    DType(11, "uint64", np.dtype("<u8"), "U64", 13),
    DType(12, "bool", np.dtype("?"), "BOOL", 9),
    DType(13, "float8_e4m3fn", _foreign("float8_e4m3fn", "u1"), "F8_E4M3", 17),
    DType(14, "float8_e5m2", _foreign("float8_e5m2", "u1"), "F8_E5M2", 19),
    DType(15, "complex64", np.dtype("<c8"), "C64", 14),
    DType(16, "complex128", np.dtype("<c16"), "", 15),
)
BY_NAME = {dtype.name: dtype for dtype in DTYPES}
BY_NUMPY = {dtype.numpy: dtype for dtype in DTYPES}
BY_SAFETENSORS = {dtype.safetensors: dtype for dtype in DTYPES if dtype.safetensors}
BY_ONNX = {dtype.onnx: dtype for dtype in DTYPES}
REAL = ("float32", "float16", "bfloat16", "float64")  # types that can be quantized


def dtype_of(array: Array) -> DType:
    """Return the element type of `array`; `InputError` if streams have no such type."""
    found = BY_NUMPY.get(array.dtype)
    if found is None:
        raise InputError(f"arrays of {array.dtype} cannot be coded")
    return found


def is_real(array: Array) -> bool:
    """Return whether `array` holds real numbers that a quantizer may touch."""
    found = BY_NUMPY.get(array.dtype)
    return found is not None and found.name in REAL


def normalise(array: Array) -> Array:
    """Return `array` little-endian and contiguous, `ml_dtypes` types as the structured ones.

    Nothing is copied where nothing has to change. Raises `InputError` on other element types.
    """
    name = array.dtype.name
    if array.dtype not in BY_NUMPY and name in BY_NAME:
        wanted = BY_NAME[name].numpy
        if wanted.names:  # the same bits under another type object
            array = np.ascontiguousarray(array).reshape(array.shape).view(wanted)
        else:
            array = array.astype(wanted)
    dtype_of(array)
    return array if array.flags.c_contiguous else array.copy(order="C")


def to_float32(array: Array) -> NDArray[np.float32]:
    """Return a real tensor's values as float32, same shape; float64 is rounded."""
    if array.dtype == BFLOAT16:
        wide = array.view("<u2").astype("<u4") << np.uint32(16)
        return wide.view("<f4")
    if not is_real(array):
        raise InputError(f"tensor of {array.dtype} holds no real numbers")
    return array.astype(np.float32, copy=False)


def from_floats(values: NDArray[Any], dtype: DType) -> Array:
    """Return float32 or float64 `values` rounded to nearest, ties to even, in a real `dtype`."""
    if dtype.name == "bfloat16":
        return _to_bfloat16(np.asarray(values, np.float32))
    with np.errstate(over="ignore"):  # beyond float16 is infinity, as in every framework
        return np.asarray(values).astype(dtype.numpy, copy=False)


def _to_bfloat16(values: NDArray[np.float32]) -> Array:
    bits = values.view("<u4")
    rounded = (bits + (((bits >> 16) & np.uint32(1)) + np.uint32(0x7FFF))) >> np.uint32(16)
    # Rounding could carry a NaN into infinity, so a NaN is cut and kept quiet.
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    return np.where(np.isnan(values), quiet, rounded).astype("<u2").view(BFLOAT16)
