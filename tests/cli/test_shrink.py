"""`pauca shrink` as a process: result, report, refusals, and a kill in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from process import Cli

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Prints the accuracy of a graph, and notes in a file that it was asked.
EVALUATE = """
import sys, onnxruntime as ort, numpy as np
with open("asked", "a") as file: file.write("x\\n")
a = np.load("test.npz")
s = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
y = s.run(None, {"x": a["x"]})[0].argmax(1)
print("accuracy", 100 * float((y == a["y"]).mean()))
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A network of two layers that tells three rings apart, its second fitted with a ridge."""
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 16)).astype(np.float32)
    y = np.digitize(np.square(x[:, :4]).sum(1), [2.4, 4.8])
    w1 = rng.normal(size=(16, 200)).astype(np.float32)
    b1 = rng.normal(size=200).astype(np.float32)
    h = np.maximum(x @ w1 + b1, 0)
    ones = np.hstack([h, np.ones((len(h), 1), np.float32)])
    seen, wanted = ones[:3000].astype(np.float64), 50 * np.eye(3)[y[:3000]]
    fit = np.linalg.solve(seen.T @ seen + 100 * np.eye(201), seen.T @ wanted).astype(np.float32)
    arrays = {"w1": w1, "b1": b1, "w2": fit[:-1], "b2": fit[-1]}
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["s"]),
        helper.make_node("Relu", ["s"], ["h"]),
        helper.make_node("Gemm", ["h", "w2", "b2"], ["y"]),
    ]
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", size])
        for name, size in (("x", 16), ("y", 3))
    ]
    tensors = [numpy_helper.from_array(a, n) for n, a in arrays.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    opsets = [helper.make_opsetid("", 17)]
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    np.savez(tmp_path / "test.npz", x=x[3000:], y=y[3000:])
    np.savez(tmp_path / "data.npz", x=x[:500])
    (tmp_path / "evaluate.py").write_text(EVALUATE)
    return path


COMMAND = ("--eval", f"{sys.executable} evaluate.py {{model}}", "--max-drop", "1.5")


def asked(folder: Path) -> int:
    path = folder / "asked"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_graph_gets_smaller_and_keeps_its_accuracy(cli: Cli, model: Path, tmp_path: Path) -> None:
    args = ("shrink", model, "-o", "small.pauca", *COMMAND, "--data", "data.npz")
    done = cli(*args, "--budget", "7", "--json")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert record["bytes"] == (tmp_path / "small.pauca").stat().st_size
    assert record["original_bytes"] == model.stat().st_size
    assert record["ratio"] > 4 and record["accuracy"] >= record["floor"]
    assert len(record["trials"]) == 7 == asked(tmp_path) and not record["finished"]
    assert cli("decode", "small.pauca", "-o", "small.onnx").code == 0
    words = [sys.executable, "evaluate.py", "small.onnx"]
    found = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert float(found.stdout.split()[-1]) == pytest.approx(record["accuracy"])
    report = json.loads((tmp_path / "small.pauca.shrink" / "report.json").read_bytes())
    assert report["trials"] == record["trials"] and report["machine"]["cpu"]
    text = (tmp_path / "small.pauca.shrink" / "report.md").read_text()
    assert "| chosen |" in text and "the budget ended the search" in text
    cli(*args).fails(1, "small.pauca exists")


def test_a_killed_search_goes_on(model: Path, tmp_path: Path) -> None:
    args = ["shrink", str(model), "-o", "small.pauca", *COMMAND, "--budget", "6"]
    words = [sys.executable, "-m", "pauca", *args]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL)
    journal = tmp_path / "small.pauca.shrink" / "journal.jsonl"
    end = time.monotonic() + 100
    while asked(tmp_path) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL and not (tmp_path / "small.pauca").exists()
    kept = [json.loads(line) for line in journal.read_bytes().splitlines(keepends=True)[1:]
            if line.endswith(b"\n")]  # fmt: skip
    before = asked(tmp_path)
    assert 2 <= len(kept) <= before
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # Only what was not in the journal was asked again.
    assert asked(tmp_path) - before == 6 - len(kept)
    trials = [json.loads(line) for line in journal.read_bytes().splitlines()[1:]]
    assert trials[: len(kept)] == kept and len(trials) == 6
    assert [trial["number"] for trial in trials] == list(range(6))
    assert f"{6 - len(kept)} of them now" in done.stderr


def test_a_recipe_with_int8_is_followed(cli: Cli, model: Path, tmp_path: Path) -> None:
    code = {"pass": "code", "quantizer": "weighted", "setting": 0.2}
    steps = [code, {"pass": "int8", "per_channel": False}]
    (tmp_path / "r.json").write_text(json.dumps({"passes": steps}))
    args = ("--recipe", "r.json", "--data", "data.npz", "--max-drop", "20")
    done = cli("shrink", model, "-o", "small.pauca", *COMMAND, *args, "--json")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert [step["pass"] for step in record["trials"][1]["steps"]] == ["code", "int8"]
    assert all(trial["latency_ms"] > 0 for trial in record["trials"])
    assert record["best"] == 1
    assert cli("decode", "small.pauca", "-o", "small.onnx").code == 0
    kinds = {node.op_type for node in onnx.load(tmp_path / "small.onnx").graph.node}
    assert "QuantizeLinear" in kinds


def test_refusals_are_one_line(cli: Cli, model: Path, tmp_path: Path) -> None:
    def shrink(*args: str) -> None:
        return cli("shrink", model, "-o", "s.pauca", *args)

    shrink().fails(2, "--eval")
    shrink("--eval", "true").fails(1, "must hold {model}")
    shrink("--eval", "true {model}").fails(1, "printed no number")
    shrink(*COMMAND, "--budget", "many").fails(1, "--budget")
    shrink(*COMMAND, "--recipe", "none.json").fails(1, "cannot read the recipe")
    shrink(*COMMAND, "--data", "evaluate.py").fails(1, "cannot read data")
    shrink(*COMMAND, "--module", "a.py:B").fails(1, "not for ONNX")
    shrink(*COMMAND, "--plot", "p.jpg").fails(1, "--plot")
    np.savez(tmp_path / "net.npz", w=np.ones((3, 3), np.float32))
    cli("shrink", "net.npz", "-o", "s.pauca", *COMMAND).fails(1, "--module")
    (tmp_path / "wrong.npz").write_bytes(b"")
    np.savez(tmp_path / "wrong.npz", a=np.ones((3, 16), np.float32), b=np.ones(3, np.float32))
    shrink(*COMMAND, "--data", "wrong.npz").fails(1, "the data hold a, b; the model takes x")
    assert not (tmp_path / "s.pauca").exists()
