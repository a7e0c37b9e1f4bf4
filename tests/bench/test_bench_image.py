"""Measuring a folder, averaging into curves, and comparing them."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pauca.bench.codecs import Codec, Pixels, find_codec
from pauca.bench.curves import Curve, Point, average, compare, load_curves
from pauca.bench.image import (
    Measurement,
    describe_data,
    list_pictures,
    measure,
    measure_folder,
    read_rgb,
)
from pauca.errors import InputError


def picture(seed: int, height: int = 48, width: int = 64) -> Pixels:
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    return np.asarray(120 + 70 * np.sin(x / (5 + seed) + c) + 40 * np.cos(y / 6 + seed), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(picture(2)).save(tmp_path / "b.png")
    Image.fromarray(picture(1, 40, 33)).save(tmp_path / "a.PNG")
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_pictures_are_listed_by_name(folder: Path) -> None:
    assert [path.name for path in list_pictures(folder)] == ["a.PNG", "b.png"]


def test_no_pictures_and_no_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures"):
        list_pictures(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        list_pictures(tmp_path / "none")


def test_grey_is_measured_as_rgb(tmp_path: Path) -> None:
    grey = picture(1)[:, :, 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(read_rgb(tmp_path / "grey.png"), np.dstack([grey] * 3))


def test_data_is_fingerprinted(folder: Path) -> None:
    before = describe_data(list_pictures(folder))
    assert (before.pictures, before.pixels) == (2, 48 * 64 + 40 * 33)
    Image.fromarray(picture(3)).save(folder / "b.png")
    after = describe_data(list_pictures(folder))
    assert after.pixels == before.pixels and after.sha256 != before.sha256


def test_bytes_are_those_of_the_file_and_bpp_follows() -> None:
    codec, pixels = find_codec("jpeg"), picture(1, 40, 33)
    (m,) = measure(codec, "x", pixels, [30])
    assert m.bytes == len(codec.encode(pixels, 30))
    assert m.bpp == pytest.approx(8 * m.bytes / (40 * 33))
    assert (m.codec, m.quality, m.picture, m.width, m.height) == ("jpeg", 30, "x", 33, 40)
    assert m.encode_s > 0 < m.decode_s


def test_metrics_are_of_the_decoded_file_not_of_the_input() -> None:
    def encode(pixels: Pixels, quality: float) -> bytes:
        return bytes(int(quality)) + pixels.tobytes()

    def decode(data: bytes) -> Pixels:
        flat = np.frombuffer(data, np.uint8)[-48 * 64 * 3 :]
        if flat.size < 48 * 64 * 3:
            return np.zeros((64, 48, 3), np.uint8)
        return flat.reshape(48, 64, 3) ^ 1

    codec = Codec("off by one", "", (5,), (5,), encode, decode)
    (m,) = measure(codec, "x", picture(1), [5])
    assert m.psnr == pytest.approx(20 * math.log10(255))
    assert m.bytes == 48 * 64 * 3 + 5


def test_processes_change_nothing_but_the_times(folder: Path) -> None:
    settings = {"webp": (5.0, 60.0), "jpeg": (50.0,)}
    runs = []
    for jobs in (1, 2):
        done: list[None] = []
        runs.append(
            [
                dataclasses.replace(m, encode_s=0.0, decode_s=0.0)
                for m in measure_folder(
                    list_pictures(folder), settings, jobs, lambda done=done: done.append(None)
                )
            ]
        )
        assert len(done) == 4
    assert runs[0] == runs[1]
    order = [(m.codec, m.picture, m.quality) for m in runs[0]]
    assert order == [
        ("webp", "a", 5.0), ("webp", "a", 60.0), ("webp", "b", 5.0), ("webp", "b", 60.0),
        ("jpeg", "a", 50.0), ("jpeg", "b", 50.0),
    ]  # fmt: skip


def test_a_broken_picture_stops_the_bench_with_its_name(folder: Path) -> None:
    (folder / "a.PNG").write_bytes((folder / "a.PNG").read_bytes()[:200])
    for jobs in (1, 2):
        with pytest.raises(InputError, match="a.PNG"):
            measure_folder(list_pictures(folder), {"jpeg": (50.0,)}, jobs)


def measurement(name: str, quality: float, bpp: float, psnr: float, ssim: float) -> Measurement:
    return Measurement(name, quality, name, 8, 8, 1, bpp, psnr, ssim, bpp, 2 * bpp)


def test_points_are_means_over_the_pictures() -> None:
    (curve,) = average(
        [measurement("c", 1, 0.1, 30, 0.9), measurement("c", 2, 0.5, 35, 0.97),
         measurement("c", 1, 0.3, 33, 0.94)]
    )  # fmt: skip
    assert [point.quality for point in curve.points] == [1, 2]
    first = curve.points[0]
    assert first.bpp == pytest.approx(0.2)
    assert first.psnr == pytest.approx(31.5)
    assert first.ms_ssim == pytest.approx(0.92)
    assert (first.encode_s, first.decode_s) == pytest.approx((0.2, 0.4))
    # MS-SSIM becomes decibels after the mean, as the field reports it.
    assert curve.pairs("ms_ssim")[0][1] == pytest.approx(-10 * math.log10(0.08))


def test_pairs_leave_out_what_has_no_place_on_a_curve() -> None:
    points = (Point(0.3, 30.0, None), Point(0.2, 30.0, None), Point(0.1, 29.0, 1.0),
              Point(9.0, math.inf, 1.0))  # fmt: skip
    assert Curve("c", points).pairs("psnr") == [(0.1, 29.0), (0.2, 30.0)]
    assert Curve("c", points).pairs("ms_ssim") == []


def line(name: str, factor: float, published: bool = False) -> Curve:
    points = ((0.2, 30.0, 0.9), (0.4, 33.0, 0.95), (0.8, 36.0, 0.98))
    made = tuple(Point(bpp * factor, psnr, ssim) for bpp, psnr, ssim in points)
    return Curve(name, made, published)


def test_bd_rates_of_each_against_each_reference_by_both_metrics() -> None:
    curves = [line("a", 1), line("b", 0.5), line("c", 2, published=True)]
    found = {(d.codec, d.reference, d.metric): d.percent for d in compare(curves, ["a", "c"], 2)}
    assert len(found) == 12
    for metric in ("psnr", "ms_ssim"):
        assert found["b", "a", metric] == pytest.approx(-50)
        assert found["b", "c", metric] == pytest.approx(-75)
        assert found["c", "a", metric] == pytest.approx(100)


def test_curves_without_a_common_metric_have_no_bd_rate() -> None:
    bare = Curve("bare", (Point(0.2, 30.0, None), Point(0.3, 32.0, None)))
    found = {(d.codec, d.metric): d.percent for d in compare([line("a", 1), bare], ["a"], 1.5)}
    assert found["bare", "ms_ssim"] is None
    assert found["bare", "psnr"] is not None


def test_unknown_reference_is_named() -> None:
    with pytest.raises(InputError, match="no curve bpg"):
        compare([line("a", 1)], ["bpg"], None)


def test_published_curves_are_read_and_chosen(tmp_path: Path) -> None:
    path = tmp_path / "curves.json"
    rows = [{"bpp": 0.1, "psnr": 28, "ms_ssim": 0.9, "enc_s": 3}, {"bpp": 0.2, "psnr": 31}]
    path.write_text(json.dumps({"x": rows, "_meta": {"note": "-"}, "y": rows}))
    assert [curve.name for curve in load_curves(path)] == ["x", "y"]
    (only,) = load_curves(path, ["y"])
    assert only.published
    assert only.points == (Point(0.1, 28.0, 0.9), Point(0.2, 31.0, None))
    with pytest.raises(InputError, match="no curve z"):
        load_curves(path, ["y", "z"])


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"x": 3}', '{"x": [{"psnr": 3}]}', '{"x": [{"bpp": 0, "psnr": 3}]}',
     '{"x": [{"bpp": "a"}]}', '{"x": [[1, 2]]}'],
)  # fmt: skip
def test_bad_curve_files_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "curves.json"
    path.write_text(text)
    with pytest.raises(InputError, match="curves.json"):
        load_curves(path)
