"""nncodec, the public implementation of ISO/IEC 15938-17, as a peer in the network bench.

It wants versions of numpy and torch of its own, so it may live in an environment of its own, and
is talked to through a process of that environment's Python.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from pauca.bench.nn_huffman import Levels
from pauca.errors import InputError, MissingExtraError

Tensors = Mapping[str, NDArray[Any]]

# QP -40 is a step of 2**-10 for vectors, whose default of -75 spends 20 bits on every bias.
VARIANTS: dict[str, dict[str, Any]] = {
    "nncodec": {"use_dq": True, "opt_qp": False, "nonweight_qp": -40},
    "nncodec-uniform": {"use_dq": False, "opt_qp": False, "nonweight_qp": -40},
    "nncodec-opt": {"use_dq": True, "opt_qp": True, "nonweight_qp": -40},
    "nncodec-opt-uniform": {"use_dq": False, "opt_qp": True, "nonweight_qp": -40},
    "nncodec-default": {"use_dq": True, "opt_qp": False, "nonweight_qp": -75},
}


@dataclass(frozen=True)
class PeerResult:
    """Size of a stream in bytes, seconds to make and to read it, and the tensors it gives."""

    bytes: int
    encode_s: float
    decode_s: float
    tensors: dict[str, NDArray[Any]]


class Nncodec:
    """A running nncodec; a context manager, since it is a process and a folder."""

    def __init__(self, python: str = "") -> None:
        """Start it under the interpreter `python`; by default under this one.

        Raises `MissingExtraError` if that interpreter has no nncodec.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="pauca-bench-")
        self._log = Path(self._folder.name) / "log"
        try:
            self._process = _start(python or sys.executable, self._folder.name, self._log)
        except OSError as error:
            self._folder.cleanup()
            raise InputError(f"cannot run {python}: {error.strerror}") from error
        try:
            self.version = str(self._answer()["version"])
        except InputError as error:
            self._stop()
            raise MissingExtraError(
                f"{python or 'this Python'} cannot run nncodec ({error}); pip install nncodec"
                " into an environment and name its Python by --nncodec"
            ) from error

    def __enter__(self) -> "Nncodec":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def code_network(self, tensors: Tensors, variant: str, qp: int) -> PeerResult:
        """Quantize and code float tensors; the step of matrices is about 2 ** (qp / 4)."""
        floats = {name: np.asarray(t, np.float32) for name, t in tensors.items()}
        return self._code(floats, {**VARIANTS[variant], "qp": qp})

    def code_levels(self, levels: Sequence[Levels]) -> PeerResult:
        """Code int32 tensors as they are, by its CABAC alone."""
        return self._code({f"{i:x}": tensor for i, tensor in enumerate(levels)}, {"use_dq": False})

    def _code(self, tensors: Tensors, options: dict[str, Any]) -> PeerResult:
        folder = Path(self._folder.name)
        source, target = folder / "in.npz", folder / "out.npz"
        with source.open("wb") as file:
            cast(Any, np.savez)(file, **tensors)
        request = {"input": str(source), "output": str(target), "options": options}
        pipe = cast(IO[str], self._process.stdin)
        try:
            pipe.write(json.dumps(request) + "\n")
            pipe.flush()
        except OSError as error:
            raise InputError(f"nncodec has ended: {self._last_words()}") from error
        answer = self._answer()
        with np.load(target, allow_pickle=False) as arrays:
            decoded = {name: arrays[name].reshape(tensors[name].shape) for name in tensors}
        return PeerResult(answer["bytes"], answer["encode_s"], answer["decode_s"], decoded)

    def _answer(self) -> dict[str, Any]:
        line = cast(IO[str], self._process.stdout).readline()
        if not line:
            raise InputError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        text = self._log.read_text(errors="replace").strip()
        return text.splitlines()[-1] if text else "no message"

    def _stop(self) -> None:
        with contextlib.suppress(OSError):
            cast(IO[str], self._process.stdin).close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        cast(IO[str], self._process.stdout).close()
        self._folder.cleanup()


def _start(python: str, folder: str, log: Path) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("nn_worker.py")
    with log.open("w") as errors:
        return subprocess.Popen(
            # Isolated: modules beside the script must not hide those of the environment.
            [python, "-I", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            text=True,
        )
