"""`pauca bench video`: rates, qualities, BD-rates of real encodes."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pauca.bench.crossover import crossover, rate_text
from pauca.bench.video import parse_method, run
from pauca.bench.video_report import plot, tables, to_json
from pauca.errors import InputError

av = pytest.importorskip("av")


def write(path: Path) -> None:
    y, x = np.mgrid[:96, :96]
    noise = np.random.default_rng(1).normal(0, 6, (96, 96))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(8):
            values = 128 + 50 * np.sin((x + 2 * i) / 9) * np.cos(y / 7) + np.roll(noise, 2 * i, 1)
            frame = values.clip(0, 255).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="yuv420p")))
        out.mux(stream.encode(None))


def test_a_run(tmp_path: Path) -> None:
    write(tmp_path / "noise.mkv")
    methods = [parse_method("h264"), parse_method("h264+half")]
    report, crops = run(tmp_path, methods, [20, 28, 36], 1, 1, "pauca bench video")
    assert [(row.method, row.crf) for row in report.rows] == [
        (name, crf) for name in ("h264", "h264+half") for crf in (20, 28, 36)
    ]
    plain = report.rows[:3]
    assert [r.kbps for r in plain] == sorted((r.kbps for r in plain), reverse=True)
    assert [r.psnr_y for r in plain] == sorted((r.psnr_y for r in plain), reverse=True)
    assert all(r.message_bytes == 0 for r in plain)
    assert all(r.message_bytes > 0 for r in report.rows[3:])
    assert [d.clip for d in report.deltas] == ["noise", "mean"]
    assert json.loads(to_json(report))["format"] == "pauca-bench-video/2"
    assert [(c.clip, c.method) for c in report.crossovers] == [("noise", "h264+half")]
    assert len(tables(report)[2].groups[0]) == 6
    with Image.open(io.BytesIO(crops())) as image:  # original, and two methods
        assert image.width > 3 * 96 and image.format == "PNG"
    pytest.importorskip("matplotlib")
    assert plot(report).startswith(b"\x89PNG")


def test_where_curves_cross() -> None:
    full = [(100.0, 30.0), (200.0, 33.0), (400.0, 36.0)]
    assert crossover(full, [(r, q - 1) for r, q in full]) == 0
    assert crossover(full, [(r, q + 1) for r, q in full]) == math.inf
    half = [(100.0, 32.0), (400.0, 34.0)]  # 2 dB above, then 2 dB below: the middle in log rate
    assert crossover(full, half) == pytest.approx(200, rel=1e-2)
    assert math.isnan(crossover(full, [(10.0, 20.0), (50.0, 25.0)]))
    assert math.isnan(crossover(full, [(r, math.nan) for r, _ in half]))
    assert [rate_text(r) for r in (0.0, math.inf, math.nan, 199.7)] == ["none", "all", "-", "200"]


def test_names_of_methods() -> None:
    method = parse_method("av1+half+fitted")
    assert (method.codec, method.filter, method.scale) == ("av1", "fitted", 2)
    for name in ("vp9", "h264+sharp", "h264+generic+fitted"):
        with pytest.raises(InputError, match="h264"):
            parse_method(name)
