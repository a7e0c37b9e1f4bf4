"""`encode`, `decode` and `info` of videos, as processes."""

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

from pauca.cli.main import main

av = pytest.importorskip("av")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """24 frames, 96 x 64."""
    return write(tmp_path / "in.mkv", 24)


def write(path: Path, frames: int) -> Path:
    y, x = np.mgrid[:96, :96]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(frames):
            values = (128 + 60 * np.sin((x + 2 * i + 40 * (i // 12)) / 9)).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(values, format="yuv420p")))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_there_and_back(cli: Cli, clip: Path, tmp_path: Path, codec: str) -> None:
    done = cli("encode", clip, "-o", "out.mp4", "--codec", codec, "--filter", "none", "--json")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert record["frames"] == 24 and record["codec"] == codec
    assert record["bytes"] == (tmp_path / "out.mp4").stat().st_size
    info = json.loads(cli("info", "out.mp4", "--json").out)
    assert (info["codec"], info["frames"], info["width"]) == (codec, 24, 96)
    assert "frames:" in cli("info", "out.mp4").out.decode()
    done = cli("decode", "out.mp4", "-o", "r.mkv", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["frames"] == 24
    piped = cli("decode", "out.mp4", "-o", "-")
    assert piped.out.startswith(b"YUV4MPEG2 W96 H64 F25:1")
    assert piped.out.count(b"FRAME\n") == 24


def test_y4m_from_a_pipe(cli: Cli, clip: Path, tmp_path: Path) -> None:
    frames = cli("decode", clip, "-o", "-").out
    done = cli("encode", "-", "-o", "out.mp4", "--filter", "none", "-e", "1", input=frames)
    assert done.code == 0, done.err
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 24
    cut = cli("encode", "-", "-o", "cut.mp4", "--filter", "none", input=b"YUV4MPEG2 W16 H\n")
    cut.fails(1, "standard input")
    cli("encode", "-", "-o", "b.mp4", input=b"\0\0\0\x18ftypmp42").fails(1, "y4m")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mp4"]


def test_usage(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(clip.parent)

    def fails(code: int, words: tuple[str, ...], *args: str | Path) -> None:
        # In this process: a start takes a second, and there are many ways to be wrong.
        assert main([str(arg) for arg in args]) == code
        said = capfd.readouterr().err
        assert said.startswith("pauca: error: ") and said.count("\n") == 1, said
        assert all(word in said for word in words), said

    plain = ("encode", clip, "-o", "out.mp4", "--filter", "none")
    fails(2, ("--quality", "pictures"), *plain, "-q", "50")
    fails(2, ("--bits", "networks"), *plain, "--bits", "4")
    fails(2, ("--crf", "--bitrate"), *plain, "--crf", "20", "--bitrate", "1M")
    fails(2, ("many",), *plain, "--bitrate", "many")
    fails(2, ("--scale",), *plain, "--scale", "3")
    fails(2, ("--fps",), *plain, "--fps", "0")
    fails(2, ("--model",), *plain, "-m", "mine")
    fails(1, ("ultrafast",), *plain, "--preset", "9")
    fails(1, ("0 to 51",), *plain, "--crf", "60")
    fails(2, ("file",), "encode", clip, "-o", "-")
    fails(1, (".mp4",), "encode", clip, "-o", "out.pauca", "--filter", "none")
    fails(1, (".mkv",), "decode", clip, "-o", "out.avi")
    fails(1, ("none.mp4",), "decode", "none.mp4", "-o", "out.mkv")
    fails(1, ("--force",), "decode", clip, "-o", clip)
    fails(2, ("--levels",), "decode", clip, "-o", "out.mkv", "--levels")
    fails(1, ("none.mp4",), "info", "none.mp4")
    fails(1, ("none.mp4",), "encode", "none.mp4", "-o", "out.mp4", "--filter", "none")


def test_a_terminated_encode_goes_on(cli: Cli, tmp_path: Path) -> None:
    source = write(tmp_path / "long.mkv", 600)
    command = [sys.executable, "-m", "pauca", "encode", str(source), "-o", "out.mp4",
               "--filter", "none", "-e", "7"]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    work = tmp_path / ".out.mp4.pauca-work"
    deadline = time.monotonic() + 60
    while not (work / "000000.scene").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 143 and "goes on" in said and "Traceback" not in said
    assert not (tmp_path / "out.mp4").exists()
    done = cli("encode", source, "-o", "out.mp4", "--filter", "none", "-e", "7", "--json")
    record = json.loads(done.out)
    assert record["resumed"] > 0 and record["frames"] == 600
    assert sorted(os.listdir(tmp_path)) == ["long.mkv", "out.mp4"]


def test_vmaf_is_reached(cli: Cli, clip: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    done = cli("encode", clip, "-o", "out.mp4", "--filter", "none", "--target-vmaf", "80",
               "-e", "1", "--json")  # fmt: skip
    assert done.code == 0, done.err
    record = json.loads(done.out)
    reached = {trial["crf"]: trial["vmaf"] for trial in record["trials"]}
    assert reached[record["crf"]] >= 80
    assert all(vmaf < 80 for crf, vmaf in reached.items() if crf > record["crf"])
