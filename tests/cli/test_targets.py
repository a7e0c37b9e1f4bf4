"""`encode` with targets and stated fidelity, from outside."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from process import Cli

import pauca


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return the path of a PNG of a part of a photograph."""
    data = pytest.importorskip("skimage.data")
    Image.fromarray(data.astronaut()[:176, 150:342]).save(tmp_path / "in.png")
    return tmp_path / "in.png"


def test_target_size_reports_every_trial(cli: Cli, photo: Path, model: str) -> None:
    record = json.loads(cli("encode", photo, "-o", "a.pauca", "--target-size", 2000, "--json").out)
    assert 1960 < record["bytes"] == (photo.parent / "a.pauca").stat().st_size <= 2000
    assert record["target"] == {"target_size": 2000}
    assert record["fidelity"] is None
    assert 2 <= len(record["trials"]) <= 7
    assert {"quality": record["quality"], "bytes": record["bytes"]} in record["trials"]
    header = pauca.info(photo.parent / "a.pauca").header
    assert record["quality"] * 4 == header.quality  # type: ignore[union-attr]


def test_likeness_is_stated_shown_and_verified(cli: Cli, photo: Path, model: str) -> None:
    encoded = cli("encode", "-", "-o", "a.pauca", "--min-psnr", "35", input=photo.read_bytes())
    assert (encoded.code, encoded.out) == (0, b"")
    for words in ("quality", "trials", "PSNR 35.", "MS-SSIM 0.9", "worst tile"):
        assert words in encoded.err
    record = json.loads(cli("info", "a.pauca", "--json").out)
    assert 35 <= record["psnr"] < 35.1
    assert record["tile_psnr"] <= record["psnr"]
    assert all(place % 64 == 0 for place in record["tile"])
    assert f"ms_ssim:   {record['ms_ssim']}" in cli("info", "a.pauca").out.decode()
    assert cli("verify", photo, "a.pauca", "--min-psnr", "35").code == 0


def test_json_names_what_trials_reached(cli: Cli, photo: Path, model: str) -> None:
    options = ["--min-tile-psnr", "30", "--no-fidelity", "--json"]
    record = json.loads(cli("encode", photo, "-o", "a.pauca", *options).out)
    reached = {trial["quality"]: trial["tile_psnr"] for trial in record["trials"]}
    assert reached[record["quality"]] >= 30
    assert record["fidelity"] is None
    assert record["target"] == {"min_tile_psnr": 30}


def test_fidelity_of_a_given_quality(cli: Cli, photo: Path, model: str) -> None:
    options = ["-q", "30", "--fidelity", "--json"]
    record = json.loads(cli("encode", photo, "-o", "a.pauca", *options).out)
    assert (record["quality"], record["target"], record["trials"]) == (30, None, [])
    stated = pauca.info(photo.parent / "a.pauca").fidelity
    assert stated
    assert record["fidelity"] == {**vars(stated), "tile": list(stated.tile)}


def test_out_of_reach_is_one_line_and_no_file(cli: Cli, photo: Path, model: str) -> None:
    for options, words in (
        (["--bpp", "0.001"], ["out of reach", "quality 0", "bpp"]),
        (["--min-ms-ssim", "1"], ["out of reach", "quality 100", "0.99"]),
    ):
        cli("encode", photo, "-o", "a.pauca", *options).fails(1, *words)
    assert os.listdir(photo.parent) == ["in.png"]


@pytest.mark.parametrize(
    "options",
    [
        ["-q", "30", "--bpp", "1"],
        ["--target-size", "2000", "--min-psnr", "30"],
        ["--target-size", "0"],
        ["--target-size", "40k"],
        ["--bpp", "-1"],
        ["--min-psnr", "nan"],
        ["--min-ms-ssim", "1.5"],
        ["--min-tile-psnr", "many"],
        ["--bits-per-weight", "2"],
    ],
)
def test_usage_errors(cli: Cli, picture: Path, options: list[str]) -> None:
    cli("encode", picture, "-o", "a.pauca", *options).fails(2)
    assert os.listdir(picture.parent) == ["in.png"]


@pytest.mark.parametrize("option", ["--bpp", "--min-psnr", "--fidelity"])
def test_networks_have_no_likeness(cli: Cli, tmp_path: Path, option: str) -> None:
    np.savez(tmp_path / "in.npz", w=np.ones((4, 4), np.float32))
    value = [] if option == "--fidelity" else ["1"]
    cli("encode", "in.npz", "-o", "a.pauca", option, *value).fails(2, option, "for pictures")
