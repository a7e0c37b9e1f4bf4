"""`encode` of a network for a wish, from outside."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from process import Cli

EVALUATION = """
import sys, numpy, safetensors.numpy
new, old = (safetensors.numpy.load_file(path)["fc1.weight"] for path in sys.argv[1:3])
print("loss of", 100 - 1000 * float(numpy.abs(new - old).mean()))
"""


def test_search_by_an_evaluation(cli: Cli, network: Path, tmp_path: Path) -> None:
    (tmp_path / "eval.py").write_text(EVALUATION)
    command = f"{sys.executable} {tmp_path}/eval.py {{model}} {network}"
    result = cli(
        "encode", network, "-o", "a.pauca", "--eval", command, "--max-drop", "5",
        "--quantizer", "nearest", "--plot", "curve.png", "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    record = json.loads(result.out)
    best, trials = record["best"], record["trials"]
    assert best in trials and len(trials) >= 3 and best["accuracy"] >= 95
    assert min(t["size"] for t in trials if t["accuracy"] >= 95) == best["size"]
    assert best["size"] == record["bytes"] == (tmp_path / "a.pauca").stat().st_size
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    table = cli("encode", network, "-o", "b.pauca", "--target-size", "6000")
    assert table.code == 0 and "chosen" in table.err and "relative error" in table.err
    assert 5000 < (tmp_path / "b.pauca").stat().st_size <= 6000


def test_one_setting_of_a_quantizer(cli: Cli, network: Path, tmp_path: Path) -> None:
    for name in ("weighted@0.02=0.3", "kmeans=8", "trellis=0.5"):
        assert cli("encode", network, "-fo", "a.pauca", "--quantizer", name).code == 0
        assert cli("decode", "a.pauca", "-fo", "out.safetensors").code == 0
        weight = safetensors.numpy.load_file(tmp_path / "out.safetensors")["fc1.weight"]
        assert len(np.unique(weight)) < 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-drop", "1"), "needs an evaluation"),
        (("--target-size", "9"), "gives 9 bytes"),
        (("--target-size", "9", "--bits-per-weight", "1"), "one wish"),
        (("--target-size", "9", "--bits", "8"), "--target-size makes a search"),
        (("--max-drop", "1", "--eval", "true"), "must hold {model}"),
        (("--max-drop", "1", "--eval", "false {model}"), "false failed with 1"),
        (("--max-drop", "1", "--eval", "true {model}"), "true printed no number"),
        (("--quantizer", "best=1"), "no quantizer"),
        (("--quantizer", "nearest"), "=NUMBER"),
        (("--quantizer", "nearest=1", "--plot", "a.png"), "need a wish"),
        (("--quantizer", "second-order=1", "--calibration", "in.safetensors"), "no calibration"),
    ],
)
def test_refused_searches(cli: Cli, network: Path, options: tuple[str, ...], message: str) -> None:
    result = cli("encode", network, "-o", "a.pauca", *options)
    assert result.code != 0 and message in result.err and "Traceback" not in result.err
    assert os.listdir(network.parent) == ["in.safetensors"]
