"""npz files: a zip of numpy arrays. Pickled objects in them are carried as bytes, never opened."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

import numpy as np

from pauca.errors import InputError, PaucaError
from pauca.limits import Limits
from pauca.nn.dtypes import BY_NUMPY, Array

SUFFIX = ".npy"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold: equal arrays make equal files


def read(view: memoryview, limits: Limits) -> tuple[dict[str, Array], bytes]:
    """Return tensors and rest; `InputError` if the file is damaged, `LimitError` if it is a bomb.

    The rest says whether members were deflated, and holds members that are no numeric array.
    """
    tensors: dict[str, Array] = {}
    opaque: list[tuple[str, bytes]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(view)) as archive:
            members = archive.infolist()
            limits.check_memory(sum(member.file_size for member in members), "reading an npz file")
            for member in members:
                data = _member(archive, member)
                array = _array(data)
                if array is None:
                    opaque.append((member.filename, data))
                else:
                    tensors[member.filename.removesuffix(SUFFIX)] = array
    except PaucaError:
        raise
    except Exception as error:  # a parser of foreign bytes: any exception means bad bytes
        raise InputError(f"npz: the file is damaged ({type(error).__name__})") from error
    deflated = any(member.compress_type == zipfile.ZIP_DEFLATED for member in members)
    if not deflated and not opaque:
        return tensors, b""
    texts = [[name, base64.b64encode(data).decode()] for name, data in opaque]
    return tensors, json.dumps({"deflated": deflated, "opaque": texts}).encode()


def write(tensors: dict[str, Array], rest: bytes | None) -> bytes:
    """Return an npz file of `tensors`, opaque members last."""
    deflated, opaque = _parse(rest) if rest else (False, [])
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, array in tensors.items():
            member = zipfile.ZipInfo(name + SUFFIX, EPOCH)
            member.compress_type = method
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        for name, data in opaque:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, method)
    return buffer.getvalue()


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    # zipfile stops at the declared size, which the limit has allowed.
    with archive.open(member) as file:
        return file.read(member.file_size)


def _array(data: bytes) -> Array | None:
    """Return the array in an npy member, or None if it is no array that a stream can hold."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        reader = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if reader is None:
            return None
        shape, fortran, dtype = reader(file)
    except ValueError:
        return None
    if dtype not in BY_NUMPY or fortran:
        return None
    body = np.frombuffer(data, dtype, offset=file.tell())
    return body.reshape(shape)


def _parse(rest: bytes) -> tuple[bool, list[tuple[str, bytes]]]:
    try:
        value: Any = json.loads(rest)
        opaque = [(str(name), base64.b64decode(text)) for name, text in value["opaque"]]
        return bool(value["deflated"]), opaque
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("npz: the rest of the file is malformed") from error
