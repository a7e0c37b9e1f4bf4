"""`pauca bench image` from outside: what it prints, writes, refuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pauca.bench.curves import Curve, Point, compare
from pauca.bench.image import Data, Measurement
from pauca.bench.machine import Machine
from pauca.bench.report import Report, tables, to_json, to_markdown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "pictures"
    data.mkdir()
    y, x, c = np.mgrid[0:48, 0:64, 0:3]
    for i in range(2):
        pixels = np.asarray(120 + 70 * np.sin(x / (5 + i) + c) + 40 * np.cos(y / 6), np.uint8)
        Image.fromarray(pixels).save(data / f"{i}.png")
    rows = [{"bpp": 0.5 * 2**i, "psnr": 24 + 4 * i, "ms_ssim": 1 - 0.1 / 3**i} for i in range(4)]
    (tmp_path / "published.json").write_text(json.dumps({"old": rows, "other": rows}))
    return tmp_path


def bench(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pauca.cli.main", "bench", "image", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_everything_is_written_and_printed(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    result = bench(
        folder, "--data", "pictures", "--codecs", "jpeg,webp", "--qualities", "10,40,80",
        "--qualities", "webp=5,50", "--published", "published.json", "--curves", "old",
        "--references", "jpeg,old", "--max-bpp", "8",
        "--json", "o.json", "--plot", "o.png", "--markdown", "o.md",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""  # no progress bar where nobody watches
    found = json.loads((folder / "o.json").read_text())
    assert found["format"] == "pauca-bench-image/1"
    assert found["data"]["pictures"] == 2 and found["data"]["folder"] == "pictures"
    assert "bench image --data pictures" in found["command"]
    assert found["machine"]["cores"] >= 1 and "numpy" in found["machine"]["versions"]
    by_name = {curve["name"]: curve for curve in found["curves"]}
    assert [p["quality"] for p in by_name["jpeg"]["points"]] == [10, 40, 80]
    assert [p["quality"] for p in by_name["webp"]["points"]] == [5, 50]
    assert by_name["old"]["published"] and "other" not in by_name
    assert len(found["measurements"]) == 10
    same = [d for d in found["bd_rates"] if d["codec"] == d["reference"] == "jpeg"]
    assert [d["percent"] for d in same] == [0, 0]
    with Image.open(folder / "o.png") as image:
        assert image.format == "PNG" and image.width > 1000
    for text in (result.stdout, (folder / "o.md").read_text()):
        assert "old (published)" in text
        assert "2 pictures" in text and "BD-rate by MS-SSIM" in text and "bench image" in text


def test_mean_of_the_json_is_the_mean_of_its_measurements(folder: Path) -> None:
    options = ("--data", "pictures", "--codecs", "jpeg", "--qualities", "30", "--json", "o.json")
    assert bench(folder, *options).returncode == 0
    found = json.loads((folder / "o.json").read_text())
    (point,) = found["curves"][0]["points"]
    for key in ("bpp", "psnr", "ms_ssim"):
        values = [m[key] for m in found["measurements"]]
        assert point[key] == pytest.approx(sum(values) / 2, abs=2e-6)


def test_existing_output_is_refused_before_any_work(folder: Path) -> None:
    (folder / "o.json").write_text("precious")
    options = ("--data", "pictures", "--codecs", "jpeg", "--json", "o.json", "--markdown", "o.md")
    result = bench(folder, *options)
    assert result.returncode == 1
    assert "o.json" in result.stderr and result.stderr.count("\n") == 1
    assert (folder / "o.json").read_text() == "precious"
    assert not (folder / "o.md").exists()
    assert bench(folder, *options, "--force").returncode == 0
    assert (folder / "o.json").read_text() != "precious"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--data", "nowhere", "--codecs", "jpeg"], "nowhere"),
        (["--data", "pictures", "--codecs", "gif"], "gif"),
        (["--data", "pictures", "--codecs", ","], "no codec"),
        (["--data", "pictures", "--codecs", "pauca:none-such"], "none-such"),
        (["--data", "pictures", "--codecs", "jpeg", "--qualities", "x"], "'x'"),
        (["--data", "pictures", "--codecs", "jpeg", "--qualities", "0"], "outside 1..95"),
        (["--data", "pictures", "--codecs", "jpeg", "--qualities", "webp=3"], "webp"),
        (["--data", "pictures", "--codecs", "jpeg", "--references", "bpg"], "bpg"),
        (["--data", "pictures", "--codecs", "jpeg", "--published", "none.json"], "none.json"),
        (["--data", "pictures", "--codecs", "jpeg", "--json", "no/o.json"], "o.json"),
    ],
)
def test_what_cannot_be_measured_is_one_line(folder: Path, options: list[str], word: str) -> None:
    result = bench(folder, *options)
    assert result.returncode == 1
    assert result.stderr.startswith("pauca: error: ") and result.stderr.count("\n") == 1
    assert word in result.stderr


def test_missing_option_is_a_usage_error(folder: Path) -> None:
    assert bench(folder, "--codecs", "jpeg").returncode == 2


def report() -> Report:
    points = (Point(0.2, 30.0, 0.9, 10, 0.1, 0.2), Point(0.4, float("inf"), 1.0, 20, 0.1, 0.2))
    curves = (Curve("jpeg", points), Curve("bpg", points[:1] + (Point(0.3, 33.0, None),), True))
    return Report(
        command="pauca bench image",
        date="2026-01-01",
        machine=Machine("cpu", 2, "system", {"numpy": "2"}),
        data=Data("some", 1, 64, "00"),
        jobs=2,
        max_bpp=None,
        settings={"jpeg": "4:2:0"},
        curves=curves,
        bd_rates=tuple(compare(curves, ["bpg"], None)),
        measurements=(Measurement("jpeg", 20, "a", 8, 8, 9, 0.4, float("inf"), 1, 0.1, 0.2),),
    )


def test_lossless_results_are_null_in_json_and_inf_in_tables() -> None:
    found = json.loads(to_json(report()))
    assert found["curves"][0]["points"][1]["psnr"] is None
    assert found["measurements"][0]["psnr"] is None
    averages = tables(report())[0]
    assert averages.groups[0][1][3] == "inf"


def test_markdown_tables_are_well_formed() -> None:
    lines = to_markdown(report()).decode().splitlines()
    assert "- command: `pauca bench image`" in lines
    rows = [line for line in lines if line.startswith("| jpeg | 10")]
    assert rows == ["| jpeg | 10 | 0.2000 | 30.000 | 0.90000 | 10.000 | 0.100 | 0.200 |"]
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {9, 3}  # eight columns of averages; codec and one reference
