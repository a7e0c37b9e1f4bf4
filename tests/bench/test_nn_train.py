"""The scripts that train networks for the bench, on pictures of noise and few steps."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

pytest.importorskip("torch")

SCRIPTS = Path(__file__).parents[2] / "benchmarks/nn"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that a network learns at once: one bright band per label."""
    folder = tmp_path_factory.mktemp("digits")
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 1280), ("test", 300)):
        labels = (np.arange(n) % 10).astype(np.uint8)
        images = rng.integers(0, 60, (n, 28, 28)).astype(np.uint8)
        for i, label in enumerate(labels):
            images[i, 4 + 2 * label : 6 + 2 * label] += 150
        arrays |= {f"{split}_images": images, f"{split}_labels": labels}
    np.savez(folder / "mnist.npz", **arrays)
    return folder


# One process for many commands: importing torch takes longer than these runs.
DRIVER = """
import contextlib, io, json, runpy, sys
sys.path.insert(0, sys.argv[1])
printed = []
for command in json.loads(sys.argv[2]):
    sys.argv = command
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(sys.path[0] + "/" + command[0], run_name="__main__")
    printed.append(out.getvalue())
print(json.dumps(printed))
"""


def run(*commands: tuple[str | Path, ...]) -> list[str]:
    """Run scripts with their options, one after the other; return what each printed."""
    text = json.dumps([[str(word) for word in command] for command in commands])
    driver = [sys.executable, "-c", DRIVER, str(SCRIPTS), text]
    result = subprocess.run(driver, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    printed: list[str] = json.loads(result.stdout)
    return printed


def result_of(path: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads(path.read_text())
    return found


@pytest.mark.slow
def test_dense_then_pruned_then_judged(data: Path, tmp_path: Path) -> None:
    train = ("train.py", "lenet300", "--data", data, "--out", tmp_path)
    file = tmp_path / "lenet300-pruned.safetensors"
    *_, printed, part = run(
        (*train, "--steps", "40"),
        (*train, "--variant", "pruned", "--nonzero", "0.1", "--steps", "60"),
        ("evaluate.py", file, "--data", data),
        ("evaluate.py", file, "--data", data, "--limit", "3"),
    )
    dense = result_of(tmp_path / "lenet300-dense.json")
    assert dense["accuracy"] > 90 and dense["parameters"] == 266_610
    pruned = result_of(tmp_path / "lenet300-pruned.json")
    assert pruned["nonzero"] == pytest.approx(0.1, abs=1e-3)
    assert pruned["accuracy"] > 90
    assert float(printed) == pruned["accuracy"]
    assert float(part) in (0, 33.33, 66.67, 100)
    assert not list(tmp_path.glob("*.pt"))  # finished runs need nothing to go on from
    settings = ("--settings", "in-order=1e-8", "--settings", "nearest=0.4", "--refine", "0")
    json_file = tmp_path / "compared.json"
    run(("compare.py", file, "--data", data, "--samples", "300", *settings, "--json", json_file))
    rows = {row["method"]: row for row in json.loads(json_file.read_text())["files"]}
    assert rows["pauca/in-order"]["accuracy"] > 85
    assert rows["pauca/in-order"]["bytes"] < 266_610 / 4 > rows["pauca/nearest"]["bytes"]


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_it_had_not_been(data: Path, tmp_path: Path) -> None:
    common = ("train.py", "lenet300", "--data", data, "--steps", "4", "--out")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    printed = run((*common, whole), (*common, cut, "--minutes", "0"), (*common, cut))
    assert "accuracy" not in printed[1]
    assert "goes on at step 1 of 4" in printed[2]
    first = load_file(whole / "lenet300-dense.safetensors")
    second = load_file(cut / "lenet300-dense.safetensors")
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        np.testing.assert_array_equal(tensor, second[name])


def test_other_tensors_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", weight=np.zeros((3, 4), np.float32))
    command = [sys.executable, str(SCRIPTS / "evaluate.py"), str(tmp_path / "a.npz")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "lenet300" in result.stderr and "Traceback" not in result.stderr


def test_the_networks_have_the_sizes_of_the_paper() -> None:
    script = (
        "from networks import NETWORKS\n"
        "print([sum(p.numel() for k, p in build().state_dict().items() if 'num_' not in k)"
        " for build in NETWORKS.values()])"
    )
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == [266_610, 431_080, 14_997_194]


def test_masks_keep_the_share_that_is_asked_for() -> None:
    script = (
        "import torch\n"
        "from prune import masked, masks_for, share_at\n"
        "torch.manual_seed(0)\n"
        "w = {'a': torch.randn(40, 50), 'b': torch.randn(10, 20) * 9}\n"
        "m = masks_for(w, 0.1)\n"
        "print(sum(int(x.sum()) for x in m.values()), float(m['b'].float().mean()))\n"
        "kept = w['a'][m['a']].abs().min()\n"
        "print(bool(kept >= w['a'][~m['a']].abs().max()))\n"
        "print(share_at(0, 0.1), share_at(1, 0.1), share_at(0.3, 0.1) > share_at(0.4, 0.1))\n"
        "x = torch.ones(2, requires_grad=True)\n"
        "masked(x, torch.tensor([True, False]), True).sum().backward()\n"
        "y = torch.ones(2, requires_grad=True)\n"
        "masked(y, torch.tensor([True, False]), False).sum().backward()\n"
        "print(x.grad.tolist(), y.grad.tolist())"
    )
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, check=True)
    lines = found.stdout.splitlines()
    count, share = lines[0].split()
    assert int(count) == 220
    # By plain magnitude nearly all that stay would be in `b`, nine times as large.
    assert float(share) < 0.5
    assert lines[1] == "True"
    assert lines[2] == "1.0 0.1 True"
    assert lines[3] == "[1.0, 1.0] [1.0, 0.0]"


def test_federated_rounds_with_coded_updates_learn_like_plain_ones(data: Path) -> None:
    options = ("--clients", "3", "--rounds", "3", "--steps", "40")
    (printed,) = run(("federated.py", "--data", data, *options))
    rows = [
        [float(cell) for cell in line.strip("| ").split("|")] for line in printed.splitlines()[2:]
    ]
    assert [row[0] for row in rows] == [1, 2, 3]
    plain, coded, whole, up, down = rows[-1][1:6]
    assert plain > 50 and abs(plain - coded) < 15
    assert whole == 4 * 266610 and up < whole / 15 and down < whole / 15
