"""Runs nncodec for the network bench, in whatever Python has it; imports nothing of pauca.

Started as a script by `pauca.bench.nn_peer`. Each line of standard input is a JSON request, each
line of standard output its answer. Tensors travel as npz files.
"""

import importlib
import json
import os
import sys
import time
from importlib import metadata
from typing import IO, Any

import numpy as np


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer requests until there are no more."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)  # as everything else in the bench
    codec: Any = importlib.import_module("nncodec.nn")
    _say(answers, {"version": metadata.version("nncodec")})
    for line in requests:
        _say(answers, _code(codec, json.loads(line)))


def _code(codec: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Encode the tensors of `input` with `options`, decode them into `output`, and take times."""
    with np.load(request["input"], allow_pickle=False) as arrays:
        tensors = {name: arrays[name] for name in arrays.files}
    begun = time.perf_counter()
    stream = codec.encode(dict(tensors), {**request["options"], "verbose": False})
    encoded = time.perf_counter()
    decoded = codec.decode(stream)
    ended = time.perf_counter()
    np.savez(request["output"], **decoded)
    return {"bytes": len(stream), "encode_s": encoded - begun, "decode_s": ended - encoded}


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    # nncodec prints; what it prints must not get between the answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.stdin, channel)
