"""A stand-in for nncodec, which few machines have."""

import sys

import pytest

STAND_IN = """
import json, zlib
import numpy as np

def encode(tensors, args):
    print("noise that must not be taken for an answer")
    if args.get("qp") == 13:
        raise SystemExit("cannot quantize with 13")
    step = 2.0 ** (args["qp"] / 4) if "qp" in args else 1
    table = {}
    for name, tensor in tensors.items():
        fine = 2.0 ** (args["nonweight_qp"] / 4) if tensor.ndim < 2 and "qp" in args else step
        table[name] = [str(tensor.dtype), fine, np.rint(tensor / fine).astype(int).tolist()]
    return zlib.compress(json.dumps(table).encode())

def decode(stream):
    table = json.loads(zlib.decompress(stream))
    return {n: (np.array(v) * step).astype(dtype) for n, (dtype, step, v) in table.items()}
"""


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python whose nncodec is the stand-in; -I hides PYTHONPATH, so the -I is dropped."""
    folder = tmp_path_factory.mktemp("peer")
    (folder / "nncodec").mkdir()
    (folder / "nncodec/__init__.py").touch()
    (folder / "nncodec/nn.py").write_text(STAND_IN)
    (folder / "nncodec-9.8.7.dist-info").mkdir()
    (folder / "nncodec-9.8.7.dist-info/METADATA").write_text("Name: nncodec\nVersion: 9.8.7\n")
    (folder / "torch.py").write_text("def set_num_threads(n): print(n)")
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nshift\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    return str(script)
