"""Post-training int8 by onnxruntime.quantization: calibrated QDQ graphs, or dynamic ranges."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pauca.errors import InputError, UnsupportedError
from pauca.nn.passes.grid import keep_grids
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.onnx_graph import input_names, onnx_package
from pauca.nn.passes.options import DynamicOptions, Int8Options

METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}


def quantize_static(model: Any, options: Int8Options, context: Context = NO_CONTEXT) -> Any:
    """Return the model as a QDQ graph: int8 weights, uint8 activations by calibrated ranges.

    Feeds come from `options.feeds` (npz) or `context.feeds`. Raises `InputError` without feeds or
    where they do not fit the inputs, `UnsupportedError` if ONNX Runtime cannot quantize the graph.
    """
    onnx_package()
    from onnxruntime import quantization as ort

    source: Iterable[Mapping[str, Any]] | None = context.feeds
    if options.feeds:
        source = feeds_from_npz(options.feeds, options.batch)
    feeds = [] if source is None else [dict(feed) for feed in source]
    _check_feeds(model, feeds)
    with _quietly("calibrated int8"), tempfile.TemporaryDirectory() as folder:
        prepared, out = _prepared(model, Path(folder)), Path(folder) / "int8.onnx"
        ort.quantize_static(
            prepared,
            str(out),
            _reader(feeds),
            quant_format=ort.QuantFormat.QDQ,
            per_channel=options.per_channel,
            reduce_range=options.reduce_range,
            calibrate_method=getattr(ort.CalibrationMethod, METHODS[options.method]),
            op_types_to_quantize=list(options.ops) or None,
        )
        quantized = onnx_package().load(str(out))
        keep_grids(onnx_package().load(prepared), quantized)
        return quantized


def quantize_dynamic(model: Any, options: DynamicOptions, context: Context = NO_CONTEXT) -> Any:
    """Return the model with int8 weights in products and LSTMs, inputs quantized when it runs."""
    onnx_package()
    from onnxruntime import quantization as ort

    with _quietly("dynamic int8"), tempfile.TemporaryDirectory() as folder:
        prepared, out = _prepared(model, Path(folder)), Path(folder) / "int8.onnx"
        ort.quantize_dynamic(
            prepared,
            str(out),
            per_channel=options.per_channel,
            reduce_range=options.reduce_range,
            weight_type=ort.QuantType.QInt8,
        )
        return onnx_package().load(str(out))


def _prepared(model: Any, folder: Path) -> str:
    """Optimize a model and infer its shapes, as the library wants it; return the file."""
    from onnxruntime.quantization import quant_pre_process

    # Through a file: of a model in memory, the library would move the weights out.
    plain, prepared = folder / "plain.onnx", folder / "prepared.onnx"
    plain.write_bytes(model.SerializeToString())
    quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    return str(prepared)


def feeds_from_npz(path: str | Path, batch: int) -> Iterator[dict[str, Any]]:
    """Yield dicts of arrays, `batch` samples at a time; arrays of the file are named as inputs."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # a parser of foreign bytes: any exception means bad bytes
        raise InputError(f"cannot read calibration feeds from {path}: {error}") from error
    sizes = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise InputError(f"the arrays of {path} must hold the same number of samples, at least one")
    for start in range(0, sizes.pop(), batch):
        yield {name: array[start : start + batch] for name, array in arrays.items()}


def _check_feeds(model: Any, feeds: list[dict[str, Any]]) -> None:
    if not feeds:
        raise InputError("calibration needs feeds: an npz file, or dicts of arrays by input name")
    inputs = set(input_names(model))
    for feed in feeds:
        if feed.keys() != inputs:
            raise InputError(f"feeds hold {sorted(feed)}, the model takes {sorted(inputs)}")


def _reader(feeds: list[dict[str, Any]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
        def __init__(self) -> None:
            self._left = iter(feeds)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._left, None)

    return Reader()


@contextlib.contextmanager
def _quietly(what: str) -> Iterator[None]:
    """Turn whatever the library raises into one line, and keep its advice off the terminal."""
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    except Exception as error:  # onnxruntime's errors share no base
        line = str(error).strip().split("\n")[0]
        raise UnsupportedError(f"ONNX Runtime cannot make this model {what}: {line}") from error
    finally:
        log.setLevel(level)
