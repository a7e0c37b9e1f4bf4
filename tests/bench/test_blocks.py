"""`pauca bench blocks`: what the blocks hold, and the command from outside."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from pauca.bench.block_graphs import BLOCKS, build_block
from pauca.bench.blocks import run, tables
from pauca.errors import InputError
from pauca.pack.runtime import float_session

C, S = 32, 8

# Multiplications a pixel, by hand from the papers' figures.
EXPECTED = {
    "conv3x3": 9 * C * C,
    "conv5x5": 25 * C * C,
    "pointwise": C * C,
    "depthwise": 9 * C,
    "group4": 9 * C * C // 4,
    "fire": C * C // 8 + C // 8 * C // 2 * 10,
    "mobilenet-v1": 9 * C + C * C,
    "mobilenet-v2": 12 * C * C + 9 * 6 * C,
    "shufflenet-v1": 2 * C * C // 16 + 9 * C // 4,
    "shufflenet-v2": 2 * C * C // 4 + 9 * C // 2,
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_have_the_multiplications_of_their_papers(name: str) -> None:
    report = run([name], [(C, S)], 1, 0, "test")
    (row,) = report.rows
    assert row.macs == EXPECTED[name] * S * S
    assert row.milliseconds > 0 and row.speedup == (1 if name == "conv3x3" else None)
    assert row.gmacs_per_second == pytest.approx(row.macs / row.milliseconds / 1e6)
    session = float_session(build_block(name, C, S).SerializeToString(), 1)
    x = np.random.default_rng(0).normal(size=(1, C, S, S)).astype(np.float32)
    y = session.run(None, {"x": x})[0]
    assert y.shape == x.shape and 0.01 < y.std() < 10
    biases = row.parameters - EXPECTED[name]
    assert 0 < biases <= 14 * C


def test_shuffling_mixes_the_groups() -> None:
    session = float_session(build_block("shufflenet-v2", C, S).SerializeToString(), 1)
    x = np.random.default_rng(0).normal(size=(1, C, S, S)).astype(np.float32)
    y = session.run(None, {"x": x})[0]
    np.testing.assert_array_equal(y[0, ::2], x[0, : C // 2])


def test_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pauca", "bench", "blocks", "--sizes", "16x8,32x4"]
    command += ["--blocks", "conv3x3,depthwise", "--seconds", "0.01"]
    outputs = ["--json", str(tmp_path / "a.json"), "--markdown", str(tmp_path / "a.md")]
    done = subprocess.run([*command, *outputs], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["format"] == "pauca-bench-blocks/1" and report["threads"] == 1
    assert [(r["block"], r["channels"]) for r in report["rows"]] == [
        ("conv3x3", 16), ("depthwise", 16), ("conv3x3", 32), ("depthwise", 32),
    ]  # fmt: skip
    assert report["rows"][1]["macs"] == 9 * 16 * 64
    assert "| depthwise |" in (tmp_path / "a.md").read_text()
    assert "32 channels, 4 x 4" in done.stdout
    for words, message in (
        (["--sizes", "wide"], "CHANNELSxSIDE"),
        (outputs, "exists"),
    ):
        failed = subprocess.run([*command, *words], capture_output=True, text=True, timeout=120)
        assert failed.returncode == 1 and message in failed.stderr
        assert failed.stderr.count("\n") == 1


def test_refused() -> None:
    with pytest.raises(InputError, match="known: conv3x3"):
        run(["conv9x9"], [(16, 4)], 1, 0, "test")
    with pytest.raises(InputError, match="multiple of 16"):
        run(["fire"], [(17, 8)], 1, 0, "test")
    assert len(tables(run(["pointwise"], [(16, 4), (32, 4)], 1, 0, "test"))) == 2
