"""VMAF by the libvmaf of an ffmpeg program, which is no part of this package."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pauca.errors import InputError, MissingExtraError

_MISSING = (
    'VMAF needs an ffmpeg with libvmaf: one in the PATH, or pip install "imageio-ffmpeg>=0.6"'
)


@functools.cache
def ffmpeg_with_vmaf() -> str:
    """Return the path of an ffmpeg that has libvmaf; `MissingExtraError` if there is none."""
    for program in _candidates():
        found = subprocess.run(
            [program, "-hide_banner", "-filters"], capture_output=True, check=False, timeout=60
        )
        if b" libvmaf " in found.stdout:
            return program
    raise MissingExtraError(_MISSING)


def vmaf(reference: str | os.PathLike[str], distorted: str | os.PathLike[str]) -> float:
    """Return the mean VMAF, 0..100, of a y4m file against another of equal size and length.

    Model vmaf_v0.6.1, the default of libvmaf. Raises `MissingExtraError`, `InputError`.
    """
    program = ffmpeg_with_vmaf()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "vmaf.json"
        graph = f"libvmaf=log_fmt=json:n_threads=2:log_path={log}"
        command = [program, "-hide_banner", "-nostdin", "-i", os.fspath(distorted)]
        command += ["-i", os.fspath(reference), "-lavfi", graph, "-f", "null", "-"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode or not log.exists():
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise InputError(f"ffmpeg could not measure VMAF: {' '.join(last)}")
        return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])


def _candidates() -> list[str]:
    found = []
    try:
        import imageio_ffmpeg

        found.append(str(imageio_ffmpeg.get_ffmpeg_exe()))
    except (ImportError, RuntimeError):
        pass
    system = shutil.which("ffmpeg")
    return found + ([system] if system else [])
