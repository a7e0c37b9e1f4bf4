"""From a training checkpoint to a model pack, of either family."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pauca.image.layers_torch import prior_tables, wavelet_parts
from pauca.image.model import ModelConfig, WaveletModel
from pauca.image.vae.export import vae_parts
from pauca.image.vae.model import VaeConfig, VaeModel
from pauca.nets.loop import load_averaged, load_state
from pauca.pack import vae, wavelet
from pauca.pack.image import DOMAIN, MEASURES
from pauca.pack.store import ARRAYS, PackInfo, layers_to_arrays, program_to_json, write_pack


def load_checkpoint(path: Path) -> WaveletModel | VaeModel:
    """The averaged weights of a checkpoint."""

    def make(sizes: dict[str, Any]) -> WaveletModel | VaeModel:
        if "latents" in sizes:
            return VaeModel(VaeConfig(**sizes))
        return WaveletModel(ModelConfig(**sizes))

    model = load_averaged(path, make)
    assert isinstance(model, WaveletModel | VaeModel)
    return model


def measure_of(checkpoint: Path) -> str:
    """What the run of a checkpoint trained for."""
    return str(load_state(checkpoint).get("config", {}).get("measure", MEASURES[0]))


def export(
    checkpoint: Path, folder: Path, name: str, version: str, data: str, notes: Sequence[str] = ()
) -> PackInfo:
    """Write a pack folder from a checkpoint."""
    from safetensors.numpy import save

    model = load_checkpoint(checkpoint)
    if isinstance(model, VaeModel):
        family, summary = vae.FAMILY, "autoencoder picture codec with a hyperprior"
        layers, programs, arrays = vae_parts(model)
        own = {}
    else:
        family, summary = wavelet.FAMILY, "learned wavelet picture codec"
        layers, programs, arrays = wavelet_parts(model)
        own = {"wavelets": model.config.wavelets}
    for key, layer in layers.items():
        layer.check(key)
    tables = prior_tables(model.prior)
    # safetensors writes the buffer of an array, whatever its order.
    arrays = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    arrays |= layers_to_arrays(layers)
    arrays |= {"tables.cdf": tables.cdf, "tables.size": tables.size, "tables.offset": tables.offset}
    manifest = {
        "name": name,
        "version": version,
        "domain": DOMAIN,
        "family": family,
        "summary": " ".join(notes) or summary,
        "license": "Apache-2.0",
        "data": data,
        "lmbda": model.config.lmbda,
        "measure": measure_of(checkpoint),
        **own,
        "programs": {key: program_to_json(program) for key, program in programs.items()},
    }
    return write_pack(folder, manifest, {ARRAYS: save(arrays)})
