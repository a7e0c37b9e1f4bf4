"""From a checkpoint to what runs without torch: a detector, or an ONNX graph of a teacher."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pauca.apps.dga.detector import DOMAIN, WEIGHTS, Detector, network_of
from pauca.apps.dga.figures import threshold
from pauca.apps.dga.model import MIX_STEP, STEP, NgramNet, ngram_rows
from pauca.apps.dga.names import MAX_SCORED
from pauca.apps.dga.train import DgaTrainConfig, held_out, learned, load_model, padded
from pauca.errors import InputError
from pauca.nn.codec import encode_network
from pauca.nn.model import Network, Quantized
from pauca.nn.quantize.weighted import WeightedOptions, quantize_weighted
from pauca.pack.store import PackInfo, write_pack

RATE = 1e-3  # of false positives among held-out names, at the default threshold


def levels_of(model: NgramNet) -> dict[str, Quantized]:
    """The integers of a network by name, as its fake quantization rounds them."""
    first, second = float(model.step(1)), float(model.step(2))
    values: dict[str, tuple[Tensor, float]] = {
        f"tables.{i}": (table, STEP) for i, table in enumerate(model.tables)
    }
    values |= {
        "bias": (model.bias, STEP),
        "first": (model.first.weight, first),
        "first_bias": (model.first.bias, STEP * first),
        "second": (model.second.weight[0], second),
        "second_bias": (model.second.bias, STEP * first * second),
    }
    if model.mix is not None and model.mix.bias is not None:
        values |= {
            "mix": (model.mix.weight, MIX_STEP),
            "mix_bias": (model.mix.bias, STEP * MIX_STEP),
        }
    return {name: _quantized(tensor, step) for name, (tensor, step) in values.items()}


def _quantized(tensor: Tensor, step: float) -> Quantized:
    levels = torch.floor(tensor.detach().double() / step + 0.5)
    limit = 127 if tensor.ndim > 1 else 2**30
    return Quantized(levels.clamp(-limit, limit).to(torch.int32).numpy(), step)


def priced(
    model: NgramNet, levels: dict[str, Quantized], parts: Sequence[bytes], price: float
) -> dict[str, Quantized]:
    """`levels` with table entries chosen by rate and distortion: an entry counts as often as its
    n-gram occurs in `parts`.
    """
    codes = torch.from_numpy(padded(parts).astype(np.int64))
    inside = torch.nn.functional.pad(codes, (1, 0), value=1).bool()
    tables, importance = {}, {}
    for i, (order, table) in enumerate(zip(model.config.orders, model.tables, strict=True)):
        rows = ngram_rows(codes, order, model.config.bits)[inside]
        counts = torch.bincount(rows, minlength=len(table)).numpy() + 1.0
        name = f"tables.{i}"
        tables[name] = table.detach().numpy().clip(-127 * STEP, 127 * STEP)
        importance[name] = np.broadcast_to(counts[:, None], tables[name].shape).copy()
    options = WeightedOptions(STEP, price)
    return levels | quantize_weighted(tables, options, importance)


def weights_of(levels: dict[str, Quantized]) -> bytes:
    """The levels as a weights stream; it decodes to the float network as well."""
    tensors = {name: part.values().astype(np.float32) for name, part in levels.items()}
    return encode_network(Network(tensors), levels)


def export(
    checkpoint: Path,
    folder: Path,
    name: str,
    version: str,
    config: DgaTrainConfig,
    price: float = 0.0,
) -> PackInfo:
    """Write a detector's folder; its threshold comes from the names that `config` held out.

    `price` of a bit of a table entry, in squared steps of an entry of average use; 0: nearest.
    """
    model = load_model(checkpoint)
    if not isinstance(model, NgramNet):
        raise InputError(f"{checkpoint} holds no n-gram network; export it with --onnx")
    levels = levels_of(model)
    if price:
        levels = priced(model, levels, learned(config).part, price)
    orders, bits = model.config.orders, model.config.bits
    manifest = {
        "name": name,
        "version": version,
        "domain": DOMAIN,
        "summary": "generated domain names, by n-grams",
        "license": "Apache-2.0",
        "data": ", ".join(path.name for path in config.data),
        "orders": list(orders),
        "bits": bits,
        "threshold": 0.5,
    }
    files = {WEIGHTS: weights_of(levels)}
    info = write_pack(folder, manifest, files)
    detector = Detector(info, network_of(levels, orders, bits), 0.5)
    names = held_out(config)
    scores = np.sort(detector.score_parts(names.part)[~names.label])
    # Scores of a network that is sure of itself round to 1, which none would then exceed.
    manifest["threshold"] = min(round(threshold(scores, RATE), 6), 1 - 1e-6)
    return write_pack(folder, manifest, files)


def onnx_bytes(model: nn.Module) -> bytes:
    """An ONNX graph of `model`: int64 codes (N, L) to logits (N,)."""
    file = io.BytesIO()
    example = torch.ones(2, MAX_SCORED, dtype=torch.int64)
    axes = {"codes": {0: "n", 1: "l"}, "logits": {0: "n"}}
    torch.onnx.export(
        model.eval(),
        (example,),
        file,  # type: ignore[arg-type]
        input_names=["codes"],
        output_names=["logits"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    return file.getvalue()
