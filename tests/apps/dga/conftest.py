"""A detector made on the spot, the command as a process, and the shipped one where it is there."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pauca.apps.dga.ngram import NgramNetwork, rows_of

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def dga(tmp_path: Path) -> Run:
    """Run `pauca-dga` in an empty folder, standard streams being pipes."""

    def run(*args: str | Path, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "pauca.apps.dga.cli", *map(str, args)],
            input=input,
            capture_output=True,
            cwd=tmp_path,
            timeout=120,
        )

    return run


@pytest.fixture
def network() -> NgramNetwork:
    """A network of random integers."""
    rng = np.random.default_rng(5)
    orders, bits, channels, hidden = (1, 2, 3, 5), 7, 32, 9
    return NgramNetwork(
        orders,
        bits,
        tuple(
            rng.integers(-127, 128, (rows_of(o, bits), channels)).astype(np.int8) for o in orders
        ),
        rng.integers(-300, 300, channels).astype(np.int16),
        rng.integers(-127, 128, (hidden, 2 * channels)).astype(np.int8),
        rng.integers(-9999, 9999, hidden).astype(np.int32),
        rng.integers(-127, 128, hidden).astype(np.int8),
        -12345,
        1e-7,
    )


@pytest.fixture
def mixing(network: NgramNetwork) -> NgramNetwork:
    """The same with a convolution of 16 channels."""
    rng = np.random.default_rng(6)
    return replace(
        network,
        mix=rng.integers(-127, 128, (16, 32, 3)).astype(np.int8),
        mix_bias=rng.integers(-9999, 9999, 16).astype(np.int32),
        first=rng.integers(-127, 128, (9, 96)).astype(np.int8),
    )
