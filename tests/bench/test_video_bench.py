"""`pauca bench video`: rates, qualities, BD-rates of real encodes."""

import json
from pathlib import Path

import numpy as np
import pytest

from pauca.bench.video import parse_method, plot, run, tables, to_json
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
    report = run(tmp_path, methods, [20, 28, 36], 1, 1, "pauca bench video")
    assert [(row.method, row.crf) for row in report.rows] == [
        (name, crf) for name in ("h264", "h264+half") for crf in (20, 28, 36)
    ]
    plain = report.rows[:3]
    assert [r.kbps for r in plain] == sorted((r.kbps for r in plain), reverse=True)
    assert [r.psnr_y for r in plain] == sorted((r.psnr_y for r in plain), reverse=True)
    assert all(r.message_bytes == 0 for r in plain)
    assert all(r.message_bytes > 0 for r in report.rows[3:])
    assert [d.clip for d in report.deltas] == ["noise", "mean"]
    assert json.loads(to_json(report))["format"] == "pauca-bench-video/1"
    assert len(tables(report)[1].groups[0]) == 6
    pytest.importorskip("matplotlib")
    assert plot(report).startswith(b"\x89PNG")


def test_names_of_methods() -> None:
    method = parse_method("av1+half+fitted")
    assert (method.codec, method.filter, method.scale) == ("av1", "fitted", 2)
    for name in ("vp9", "h264+sharp", "h264+generic+fitted"):
        with pytest.raises(InputError, match="h264"):
            parse_method(name)
