"""Torch modules to ONNX, by torch's own exporter; rounding layers become a QDQ graph."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from pauca.errors import MissingExtraError, UnsupportedError
from pauca.nn.passes.cost_torch import arguments
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.options import ExportOptions
from pauca.nn.passes.qat_torch import unwrapped
from pauca.nn.passes.qdq import add_qdq


def export(module: nn.Module, options: ExportOptions, context: Context = NO_CONTEXT) -> Any:
    """Return the module as an ONNX model; inputs x0, x1, ... have any number of samples.

    Raises `UnsupportedError` if the exporter fails, `MissingExtraError` without onnxscript.
    """
    plain, ranges, bits = unwrapped(module)
    model = _exported(plain.eval(), arguments(context.example), options.opset)
    return add_qdq(model, ranges, bits) if ranges else model


def _exported(module: nn.Module, inputs: tuple[Any, ...], opset: int) -> Any:
    # A batch of 1 would be taken for a constant.
    inputs = tuple(torch.cat([x, x]) if len(x) == 1 else x for x in inputs)
    batch = torch.export.Dim("n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        try:
            program = torch.onnx.export(
                module,
                inputs,
                dynamo=True,
                opset_version=opset,
                verbose=False,
                input_names=[f"x{i}" for i in range(len(inputs))],
                dynamic_shapes=tuple({0: batch} for _ in inputs),
            )
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"export needs {error.name}: pip install pauca[train]"
            ) from error
        except Exception as error:  # the exporter's errors share no base
            line = str(error).strip().split("\n")[0]
            raise UnsupportedError(f"torch cannot export this module: {line}") from error
    assert program is not None  # as it is where no file is asked for
    model = program.model_proto
    for part in (*model.graph.node, *model.graph.value_info, model.graph):
        part.ClearField("metadata_props")  # where in the source each node comes from
        part.ClearField("doc_string")
    return model
