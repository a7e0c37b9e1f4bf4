"""Types of the compiled entropy core (cpp/src/bind*.cpp)."""

import enum
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

class NativeTables:
    def __init__(
        self, cdf: NDArray[np.uint32], size: NDArray[np.int32], offset: NDArray[np.int32]
    ) -> None: ...

class RansDecoder:
    def __init__(self, data: bytes, tables: NativeTables, path: str = "auto") -> None: ...
    def decode(self, indexes: NDArray[np.uint8]) -> NDArray[np.int16]: ...
    def finish(self) -> None: ...

class NativeCurves:
    def __init__(
        self,
        values: NDArray[np.uint16],
        reach: NDArray[np.int32],
        shift: NDArray[np.uint8],
        shares: NDArray[np.uint16],
    ) -> None: ...

class NativeMixtureDecoder:
    def __init__(self, data: bytes, curves: NativeCurves, path: str = "auto") -> None: ...
    def decode(
        self, weights: NDArray[np.uint8], means: NDArray[np.int16], scales: NDArray[np.uint8]
    ) -> NDArray[np.int16]: ...
    def finish(self) -> None: ...

class Engine(enum.Enum):
    RANGE = 0
    H264 = 1

class Kind(enum.Enum):
    UNARY = 0
    TRUNCATED_UNARY = 1
    EXP_GOLOMB = 2
    FIXED = 3
    MAPPED = 4
    FIXED_UNARY = 5
    UEGK = 6
    SIGNED_UEGK = 7

class NativeScheme:
    def __init__(
        self, kind: Kind, bits: int, c_max: int, order: int, table: Sequence[tuple[int, int]]
    ) -> None: ...

def rans_encode(
    tables: NativeTables,
    symbols: NDArray[np.int16],
    indexes: NDArray[np.uint8],
    segments: Sequence[int],
    lanes: int = 0,
) -> bytes: ...
def rans_bits(
    tables: NativeTables, symbols: NDArray[np.int16], indexes: NDArray[np.uint8]
) -> float: ...
def rans_paths() -> list[str]: ...
def mixture_encode(
    curves: NativeCurves,
    symbols: NDArray[np.int16],
    weights: NDArray[np.uint8],
    means: NDArray[np.int16],
    scales: NDArray[np.uint8],
    segments: Sequence[int],
    lanes: int = 0,
) -> bytes: ...
def mixture_bits(
    curves: NativeCurves,
    symbols: NDArray[np.int16],
    weights: NDArray[np.uint8],
    means: NDArray[np.int16],
    scales: NDArray[np.uint8],
) -> float: ...
def cabac_encode_bins(
    bins: NDArray[np.uint8], ids: NDArray[np.uint16], contexts: int, engine: Engine
) -> bytes: ...
def cabac_decode_bins(
    data: bytes, ids: NDArray[np.uint16], contexts: int, engine: Engine
) -> NDArray[np.uint8]: ...
def cabac_encode_values(
    values: NDArray[np.int32], scheme: NativeScheme, contexts: int, engine: Engine
) -> bytes: ...
def cabac_decode_values(
    data: bytes, n: int, scheme: NativeScheme, contexts: int, engine: Engine
) -> NDArray[np.int32]: ...
def cabac_bins_of(value: int, scheme: NativeScheme) -> NDArray[np.uint8]: ...
def range_rate(one: int, bin: bool) -> int: ...
def h264_rate(state: int, less_probable: bool) -> int: ...

class NgramNetwork:
    def __init__(
        self,
        tables: Sequence[tuple[int, int, NDArray[np.int8]]],
        bias: NDArray[np.int16],
        first: NDArray[np.int8],
        first_bias: NDArray[np.int32],
        second: NDArray[np.int8],
        second_bias: int,
        mix: NDArray[np.int8],
        mix_bias: NDArray[np.int32],
    ) -> None: ...
    def run(self, codes: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.int64]: ...

class NativeNetwork:
    def __init__(
        self,
        tensors: int,
        inputs: Sequence[tuple[int, int, bool]],
        outputs: Sequence[int],
        steps: Sequence[tuple[int, int, Sequence[int], int]],
        layers: Sequence[
            tuple[
                NDArray[np.int8],
                NDArray[np.int32],
                NDArray[np.uint8],
                NDArray[np.int16],
                NDArray[np.int16],
            ]
        ],
        kernel: str = "auto",
    ) -> None: ...
    def run(
        self, inputs: Sequence[NDArray[np.uint8] | NDArray[np.int8]], threads: int = 0
    ) -> list[NDArray[np.uint8] | NDArray[np.int8] | NDArray[np.int16]]: ...
    def cost(self) -> float: ...

def network_kernels() -> list[str]: ...
def wavelet_analysis_level(
    planes: NDArray[np.float32], box: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
def wavelet_synthesis_level(
    low: NDArray[np.int32], details: NDArray[np.int32], box: bool
) -> NDArray[np.int32]: ...
def level_differences(
    low: NDArray[np.int32], reciprocal: int, table: NDArray[np.int8]
) -> NDArray[np.int8]: ...
def level_merge_values(
    symbols: NDArray[np.int16], means: NDArray[np.int16]
) -> NDArray[np.int32]: ...
def level_compand(y16: NDArray[np.int32], table: NDArray[np.int8]) -> NDArray[np.int8]: ...
def level_extend(
    symbols: NDArray[np.int16],
    means: NDArray[np.int16],
    known: NDArray[np.int8],
    table: NDArray[np.int8],
) -> tuple[NDArray[np.int32], NDArray[np.int8]]: ...
def level_dequantize(
    luma: list[NDArray[np.int32]], chroma: NDArray[np.int32], steps: NDArray[np.int32]
) -> NDArray[np.int32]: ...
def filter_inputs(
    planes: NDArray[np.int32], reciprocal: int, table: NDArray[np.int8]
) -> NDArray[np.int8]: ...
def filter_mend(
    planes: NDArray[np.int32], head: NDArray[np.int16], step: int, out: NDArray[np.int32]
) -> None: ...
def filter_mend_to_rgb(
    planes: NDArray[np.int32], head: NDArray[np.int16], step: int, out: NDArray[np.uint8]
) -> None: ...

class LevelCoder(enum.Enum):
    CABAC = 0
    MIX = 1
    RANS = 2

def levels_encode(
    levels: NDArray[np.int32],
    width: int,
    coder: LevelCoder,
    shape: tuple[int, int, int, int, int],
) -> bytes: ...
def levels_decode(
    data: bytes,
    out: NDArray[np.int32],
    width: int,
    coder: LevelCoder,
    shape: tuple[int, int, int, int, int],
) -> None: ...
def levels_shape(levels: NDArray[np.int32]) -> tuple[int, int, int, int, int]: ...
def levels_defaults(scale: int) -> tuple[int, int, int, int, int]: ...
def levels_bits(
    levels: NDArray[np.int32], width: int, shape: tuple[int, int, int, int, int]
) -> float: ...
def levels_rdoq(
    weights: NDArray[np.float32],
    width: int,
    importance: NDArray[np.float32] | None,
    step: float,
    lmbda: float,
    shape: tuple[int, int, int, int, int],
) -> NDArray[np.int32]: ...
def upscale_windows(plane: NDArray[np.int16], fold: int, margin: int) -> NDArray[np.int8]: ...
def upscale_interpolate(
    plane: NDArray[np.int16], scale: int, fold: int, residual: NDArray[np.int16] | None = None
) -> NDArray[np.int16]: ...
def cells_windows(
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
    margin: int,
    side: NDArray[np.uint8],
) -> NDArray[np.uint8]: ...
def cells_mend(
    plane: NDArray[np.uint8], fold: int, residual: NDArray[np.int16], offset: int
) -> NDArray[np.uint8]: ...
def cells_mend_large(
    base: NDArray[np.int16], fold: int, residual: NDArray[np.int16], offset: int
) -> NDArray[np.uint8]: ...
def xnor_kernels() -> list[str]: ...
def xnor_pack(
    x: NDArray[np.float32], threshold: NDArray[np.float32] | None = None
) -> NDArray[np.uint64]: ...
def xnor_gemm(
    a: NDArray[np.uint64], b: NDArray[np.uint64], bits: int, kernel: str = "auto"
) -> NDArray[np.int32]: ...
def xnor_conv(
    x: NDArray[np.float32],
    weights: NDArray[np.uint64],
    scale: NDArray[np.float32],
    bias: NDArray[np.float32] | None = None,
    threshold: NDArray[np.float32] | None = None,
    stride: int = 1,
    padding: int = 0,
    kernel: str = "auto",
) -> NDArray[np.float32]: ...
