"""`pauca bench nn`: searches at equal accuracy, and the command from outside."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bench.networks import network

from pauca.bench.machine import Machine
from pauca.bench.nn import CoderRow, Facts, FileRow, FloatRow
from pauca.bench.nn_report import tables, to_json, to_markdown
from pauca.bench.nn_run import NnReport, choose, parse_settings, sweep
from pauca.errors import InputError
from pauca.nn.quantizers import find_quantizer


def file_row(method: str, setting: float, size: int, accuracy: float | None) -> FileRow:
    return FileRow("net", method, setting, size, 0.1, 0.5, accuracy, 0.1, 0.2)


def cliff(edge: float) -> Callable[[float], FileRow]:
    """A method that loses its accuracy once the setting is above `edge`."""

    def measure(setting: float) -> FileRow:
        accuracy = 99.0 if setting <= edge else 99.0 - min(10, setting - edge)
        return file_row("pauca/x", setting, int(10_000 / setting), accuracy)

    return measure


def test_sweep_bisects_where_the_accuracy_is_lost() -> None:
    grid = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    rows = sweep(grid, cliff(5), 99.0, 0.1, 4, lambda a, b: (a + b) / 2)
    # 8 is 3 points down: hopeless, so 16 and 32 are not tried.
    assert [row.setting for row in rows] == [1, 2, 4, 8, 6, 5, 5.5, 5.25]
    facts = Facts("net", 1, 1000, 2, 4000, 1.0, 99.0)
    assert choose(rows, facts, 0.1)[0].setting == 5
    whole = sweep(grid, cliff(5), 99.0, 0.1, 9, lambda a, b: (a + b) // 2)
    assert [row.setting for row in whole] == [1, 2, 4, 8, 6, 5]  # nothing left between


def test_sweep_without_accuracy_measures_the_grid() -> None:
    rows = sweep((1.0, 9.0), cliff(5), None, 0.1, 4, lambda a, b: (a + b) / 2)
    assert [row.setting for row in rows] == [1, 9]
    rows = sweep((1.0, 2.0), cliff(5), 99.0, 0.1, 4, lambda a, b: (a + b) / 2)
    assert [row.setting for row in rows] == [1, 2]  # never lost: nothing to bisect


def test_choose_takes_the_smallest_good_file_or_the_most_accurate() -> None:
    rows = [
        file_row("pauca/a", 1, 100, 98.95),
        file_row("pauca/a", 2, 60, 98.90),
        file_row("pauca/a", 3, 40, 98.89),
        file_row("nncodec", -20, 90, 98.0),
        file_row("nncodec", -16, 80, 98.2),
        file_row("pauca/b", 1, 10, None),
    ]
    facts = Facts("net", 1, 1000, 2, 4000, 1.0, 99.0)
    assert [(r.method, r.setting) for r in choose(rows, facts, 0.1)] == [
        ("pauca/a", 2),
        ("nncodec", -16),
    ]


def report() -> NnReport:
    facts = Facts("net", 4100, 1000, 2, 4000, 0.9, 99.0)
    files = (file_row("pauca/nearest", 1, 300, 98.95), file_row("nncodec", -16, 400, 98.92))
    place = "net", "nearest", 1.0
    return NnReport(
        command="pauca bench nn",
        date="2026-01-01",
        machine=Machine("cpu", 2, "system", {"numpy": "2"}),
        evaluation="eval {model}",
        max_drop=0.1,
        settings={"nearest": "x"},
        models=(facts,),
        files=files,
        best=files,
        coders=(
            CoderRow(*place, "entropy", 250.0),
            CoderRow(*place, "huffman", 275, 0.1, 0.1),
            CoderRow(*place, "nncodec", 255, 0.1, float("inf")),
        ),
        floats=(FloatRow("net", "gzip", 3600, 0.5, 0.001),),
    )


def test_tables_compare_with_the_best_peer_and_with_the_entropy() -> None:
    networks, files, coders, floats = tables(report())
    assert networks.groups[0][0] == ("net", "1000", "2", "4000", "90.00", "99.00")
    assert "within 0.1 points" in files.title
    against = files.head.index("against peer")
    assert [row[against] for row in files.groups[0]] == ["-25.0%", "+0.0%"]
    lost = dataclasses.replace(report(), max_drop=0.06)
    (_, files_lost, *_rest) = tables(lost)
    assert [row[against] for row in files_lost.groups[0]] == ["-", "-"]  # the peer's lost too much
    assert [row[files.head.index("drop")] for row in files.groups[0]] == ["-0.05", "-0.08"]
    assert coders.head == ("coder", "nearest 1")
    assert [row[1] for row in coders.groups[0]] == ["250", "275 (+10.0%)", "255 (+2.0%)"]
    assert floats.groups[0][0] == ("gzip", "3600", "90.000", "0.0", "4.0")


def test_json_is_whole_and_markdown_well_formed() -> None:
    found = json.loads(to_json(report()))
    assert found["format"] == "pauca-bench-nn/1"
    assert found["coders"][2]["decode_s"] is None
    assert found["files"][1] | {"accuracy": 98.92, "method": "nncodec"} == found["files"][1]
    lines = to_markdown(report()).decode().splitlines()
    assert "- command: `pauca bench nn`" in lines
    for head in (i for i, line in enumerate(lines) if line.startswith("|---|")):
        assert lines[head - 1].count("|") == lines[head].count("|") == lines[head + 1].count("|")


def test_settings_are_parsed_or_refused() -> None:
    grids = parse_settings(["nearest", "kmeans"], ["nearest=0.5,1"])
    assert grids["nearest"] == (0.5, 1.0)
    assert grids["kmeans"] == find_quantizer("kmeans").grid
    for wrong in ("nearest=x", "lloyd=3", "0.5", "nearest=0", "nearest=inf"):
        with pytest.raises(InputError):
            parse_settings(["nearest"], [wrong])


# A network is as accurate here as its first matrix is near what it was.
EVALUATE = """
import sys
import numpy as np
with np.load(sys.argv[1]) as now, np.load("net.npz") as then:
    power = np.mean(then["fc1.weight"] ** 2)
    print("accuracy:", 99 - 40 * np.mean((now["fc1.weight"] - then["fc1.weight"]) ** 2) / power)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / "net.npz", **network())
    (tmp_path / "evaluate.py").write_text(EVALUATE)
    return tmp_path


def bench(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pauca.cli.main", "bench", "nn", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_everything_is_written_and_printed(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    result = bench(
        folder, "--model", "net.npz", "--eval", f"{sys.executable} evaluate.py {{model}}",
        "--max-drop", "1", "--quantizers", "nearest,kmeans", "--coders", "pauca,huffman,xz",
        "--packers", "gzip", "--settings", "nearest=0.2,1,3", "--settings", "kmeans=16,4",
        "--refine", "2", "--json", "o.json", "--markdown", "o.md", "--plot", "o.png",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    found = json.loads((folder / "o.json").read_text())
    (facts,) = found["models"]
    assert facts["accuracy"] == 99 and facts["parameters"] == 2400 + 40 + 40 + 400 + 1
    best = {row["method"]: row for row in found["best"]}
    assert best.keys() == {"pauca/nearest", "pauca/kmeans"}
    for row in found["files"]:
        assert row["bytes"] < facts["fp32_bytes"]
        if row["accuracy"] >= 98 and row["method"] in best:
            assert best[row["method"]]["bytes"] <= row["bytes"]
    chosen = best["pauca/nearest"]
    assert chosen["accuracy"] >= 98
    assert chosen["setting"] not in (0.2, 1, 3)  # found by bisection
    sizes = {r["coder"]: r["bytes"] for r in found["coders"] if r["quantizer"] == "nearest"}
    assert sizes.keys() == {"entropy", "pauca", "huffman", "xz"}
    assert sizes["entropy"] < sizes["huffman"]
    assert {r["setting"] for r in found["coders"] if r["quantizer"] == "nearest"} == {
        chosen["setting"]
    }
    floats = {row["coder"]: row["bytes"] for row in found["floats"]}
    assert floats.keys() == {"pauca", "gzip"}
    assert (folder / "o.png").read_bytes()[:4] == b"\x89PNG"
    for text in (result.stdout, (folder / "o.md").read_text()):
        assert "smallest complete file within 1 points" in text and "pauca/kmeans" in text


def test_the_peer_is_searched_and_compared_like_ours(folder: Path, stand_in: str) -> None:
    result = bench(
        folder, "--model", "net.npz", "--eval", f"{sys.executable} evaluate.py {{model}}",
        "--max-drop", "1", "--quantizers", "nearest", "--coders", "huffman", "--packers", "",
        "--settings", "nearest=0.5", "--peers", "nncodec", "--nncodec", stand_in,
        "--qps=-24,-8,-4", "--refine", "9", "--json", "o.json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = json.loads((folder / "o.json").read_text())
    assert found["machine"]["versions"]["nncodec"] == "9.8.7"
    theirs = {r["setting"]: r["accuracy"] for r in found["files"] if r["method"] == "nncodec"}
    (best,) = (row for row in found["best"] if row["method"] == "nncodec")
    assert best["accuracy"] >= 98 > theirs[best["setting"] + 1]  # the last whole one that keeps it
    sizes = {row["coder"] for row in found["coders"]}
    assert sizes == {"entropy", "huffman", "nncodec"}
    assert "against peer" in result.stdout


def test_without_an_evaluation_every_point_is_listed(folder: Path) -> None:
    result = bench(
        folder, "--model", "net.npz", "--quantizers", "nearest", "--settings", "nearest=0.5,2",
        "--coders", "huffman", "--packers", "", "--json", "o.json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = json.loads((folder / "o.json").read_text())
    assert found["best"] == [] and found["floats"] == []
    assert [row["setting"] for row in found["files"]] == [0.5, 2]
    assert found["files"][0]["bytes"] > found["files"][1]["bytes"]
    assert found["files"][0]["error"] < found["files"][1]["error"]
    assert {row["setting"] for row in found["coders"]} == {0.5, 2}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--model", "none.npz"], "none.npz"),
        (["--model", "net.npz", "--model", "net.npz"], "net"),
        (["--model", "net.npz", "--quantizers", "magic"], "magic"),
        (["--model", "net.npz", "--quantizers", "nearest", "--settings", "a=1"], "'a'"),
        (["--model", "net.npz", "--coders", "lzw"], "lzw"),
        (["--model", "net.npz", "--coders", "huffman", "--packers", "rar"], "rar"),
        (["--model", "net.npz", "--coders", "huffman", "--peers", "nnx"], "nnx"),
        (["--model", "net.npz", "--coders", "huffman", "--qps", "x"], "'x'"),
        (["--model", "net.npz", "--coders", "huffman", "--eval", "true"], "{model}"),
        (["--model", "net.npz", "--coders", "huffman", "--eval", "false {model}"], "false"),
        (["--model", "net.npz", "--calibration", "net.npz"], "no calibration"),
        (["--model", "net.npz", "--json", "no/o.json"], "o.json"),
        (
            ["--model", "net.npz", "--coders", "huffman", "--peers", "nncodec", "--nncodec", "no"],
            "cannot run no",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_line(folder: Path, options: list[str], word: str) -> None:
    result = bench(folder, *options)
    assert result.returncode == 1
    assert result.stderr.startswith("pauca: error: ") and result.stderr.count("\n") == 1
    assert word in result.stderr


def test_a_network_is_needed(folder: Path) -> None:
    assert bench(folder).returncode == 2
