"""A pack as a folder: model.json (what it is, with the hash of every other file) and the files it
names.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError, PackError
from pauca.pack.coded import CODED, decode_arrays
from pauca.pack.intnet import Layer, Program, Step

ID_BYTES = 8
MANIFEST = "model.json"
ARRAYS = "arrays.safetensors"
MAX_FILE_BYTES = 1 << 28
TEXTS = ("name", "version", "domain", "summary", "license", "data")


@dataclass(frozen=True)
class PackInfo:
    """What a pack says of itself.

    `pack_id` is the start of the SHA-256 of its manifest, which holds the hashes of all its files.
    """

    name: str
    version: str
    domain: str
    summary: str
    license: str
    data: str
    pack_id: bytes
    path: Path


def read_manifest(folder: Path) -> tuple[PackInfo, dict[str, Any]]:
    """Parse model.json of a pack folder; PackError if it is missing or malformed."""
    try:
        raw = (folder / MANIFEST).read_bytes()
        manifest = json.loads(raw)
        name, version, domain, summary, license, data = (manifest[key] for key in TEXTS)
    except OSError as error:
        raise PackError(f"no model pack in {folder}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PackError(f"{folder / MANIFEST} is not a model manifest") from error
    if not all(isinstance(manifest[key], str) for key in TEXTS):
        raise PackError(f"{folder / MANIFEST} is not a model manifest")
    pack_id = hashlib.sha256(raw).digest()[:ID_BYTES]
    return PackInfo(name, version, domain, summary, license, data, pack_id, folder), manifest


def read_file(info: PackInfo, manifest: Mapping[str, Any], name: str) -> bytes:
    """Bytes of a file of the pack, checked against the manifest's hash; PackError otherwise."""
    try:
        expected = manifest["files"][name]
        path = info.path / name
        if path.stat().st_size > MAX_FILE_BYTES:
            raise PackError(f"pack {info.name}: {name} is larger than {MAX_FILE_BYTES} bytes")
        data = path.read_bytes()
    except (KeyError, TypeError) as error:
        raise PackError(f"pack {info.name}: the manifest does not name {name}") from error
    except OSError as error:
        raise PackError(f"pack {info.name}: cannot read {name}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise PackError(f"pack {info.name}: {name} is damaged (its hash differs)")
    return data


def check_free(folder: Path, name: str, force: bool) -> None:
    """Raise `InputError` on a name that no pack may have, and on a folder that already holds one
    unless `force`.
    """
    if not re.fullmatch(r"[a-z0-9]+([._-][a-z0-9]+)*", name):
        raise InputError(f"a pack's name has small letters, digits and - . _ between, not {name!r}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"cannot write a pack to {folder}: it is a file")
    if (folder / MANIFEST).exists() and not force:
        raise InputError(f"{folder} holds a pack; -f replaces it")


def write_pack(folder: Path, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> PackInfo:
    """Write files, then the manifest with their hashes; returns what `read_manifest` will."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    text = json.dumps({**manifest, "files": hashes}, indent=1)
    (folder / MANIFEST).write_text(text + "\n")
    return read_manifest(folder)[0]


def geometry_number(manifest: Mapping[str, Any], key: str) -> int:
    """A number of the manifest's geometry; PackError if it has none of this name."""
    geometry = manifest.get("geometry")
    value = geometry.get(key) if isinstance(geometry, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        raise PackError(f"the manifest has no {key}")
    return value


def read_arrays(info: PackInfo, manifest: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The pack's integer arrays by name, coded or as safetensors."""
    files = manifest.get("files")
    if isinstance(files, dict) and CODED in files:
        return decode_arrays(read_file(info, manifest, CODED))
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(read_file(info, manifest, ARRAYS))
    except SafetensorError as error:
        raise PackError(f"pack {info.name}: {ARRAYS} is malformed: {error}") from error


LAYER_FIELDS = tuple(field.name for field in fields(Layer))


def layers_to_arrays(layers: Mapping[str, Layer]) -> dict[str, NDArray[Any]]:
    """Layers as arrays named "layer.NAME.FIELD"."""
    return {
        f"layer.{name}.{field}": getattr(layer, field)
        for name, layer in layers.items()
        for field in LAYER_FIELDS
    }


def layers_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Layer]:
    """Inverse of `layers_to_arrays`, every layer checked."""
    types = {
        "weight": np.int8,
        "bias": np.int32,
        "shift": np.uint8,
        "low": np.int16,
        "high": np.int16,
    }
    names = sorted({key[6:].rsplit(".", 1)[0] for key in arrays if key.startswith("layer.")})
    layers = {}
    for name in names:
        parts = {}
        for field, dtype in types.items():
            array = arrays.get(f"layer.{name}.{field}")
            if array is None or array.dtype != dtype:
                raise PackError(
                    f"integer layer {name}: {field} is missing or not {np.dtype(dtype).name}"
                )
            parts[field] = array
        layers[name] = Layer(**parts)
        layers[name].check(name)
    return layers


def program_to_json(program: Program) -> dict[str, Any]:
    """A program as plain JSON values."""
    steps = [[s.op, s.out, list(s.sources), s.layer] for s in program.steps]
    return {
        "inputs": [list(pair) for pair in program.inputs],
        "outputs": list(program.outputs),
        "steps": steps,
    }


def program_from_json(value: Any) -> Program:
    """Inverse of `program_to_json`; PackError on malformed values."""
    try:
        inputs = tuple((str(name), int(channels)) for name, channels in value["inputs"])
        steps = tuple(
            Step(str(op), str(out), tuple(map(str, src)), str(layer))
            for op, out, src, layer in value["steps"]
        )
        return Program(inputs, tuple(map(str, value["outputs"])), steps)
    except (KeyError, TypeError, ValueError) as error:
        raise PackError("malformed integer network in the manifest") from error
