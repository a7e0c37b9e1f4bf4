"""Videos: frames, timestamps, audio and subtitles, read back by FFmpeg."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pauca.errors import InputError, UnsupportedError
from pauca.sr.upscale import Upscaler
from pauca.sr.video import VideoOptions, upscale_video

from .packs import random_pack

av = pytest.importorskip("av")


@pytest.fixture(scope="module")
def upscaler(tmp_path_factory: pytest.TempPathFactory) -> Upscaler:
    return Upscaler(random_pack(tmp_path_factory.mktemp("pack")), threads=1)


def write_clip(
    path: Path, size: tuple[int, int] = (66, 50), frames: int = 12, audio: bool = True,
    codec: str = "libx264", pix_fmt: str = "yuv420p",
) -> Path:  # fmt: skip
    """A moving gradient at uneven times, and a tone."""
    width, height = size
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        sound = out.add_stream("aac", rate=48000) if audio else None
        ramp = np.add.outer(np.arange(height), 2 * np.arange(width))
        for i in range(frames):
            rgb = np.stack([ramp + 5 * i, ramp * 2 + i, 255 - ramp], 2).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = 40 * i + 7 * (i % 3), Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            for i in range(24):
                t = np.arange(1024) + 1024 * i
                wave = (8000 * np.sin(t / 20)).astype(np.int16)[None]
                tone = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
                tone.sample_rate, tone.pts, tone.time_base = 48000, 1024 * i, Fraction(1, 48000)
                out.mux(sound.encode(tone))
            out.mux(sound.encode(None))
    return path


def read(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as file:
        times = [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]
        stream = file.streams.video[0]
        found = {"times": times, "size": (stream.width, stream.height)}
    with av.open(str(path)) as file:
        if file.streams.audio:
            packets = [bytes(p) for p in file.demux(file.streams.audio[0]) if p.size]
            found["audio"] = packets
    return found


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_frames_times_and_audio_survive(upscaler: Upscaler, tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / "in.mp4")
    target = tmp_path / f"out{suffix}"
    heard: list[int] = []
    done = upscale_video(source, target, upscaler, report=lambda count, total: heard.append(count))
    before, after = read(source), read(target)
    assert after["size"] == (132, 100) == (done.width, done.height)
    assert len(after["times"]) == 12 == done.frames == heard[-1]
    start = after["times"][0] - before["times"][0]
    assert after["times"] == pytest.approx([t + start for t in before["times"]], abs=2e-3)
    assert after["audio"] == before["audio"]
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", f"out{suffix}"]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv422p", "gray"])
def test_pictures_are_those_of_the_upscaler(
    upscaler: Upscaler, tmp_path: Path, pix_fmt: str
) -> None:
    source = write_clip(tmp_path / "in.mkv", (49, 35), 3, False, "ffv1", pix_fmt)
    upscale_video(source, tmp_path / "out.mkv", upscaler)
    with av.open(str(source)) as a, av.open(str(tmp_path / "out.mkv")) as b:
        for small, large in zip(a.decode(video=0), b.decode(video=0), strict=True):
            luma = small.reformat(format="gray").to_ndarray().astype(np.int16) * 16
            if pix_fmt != "gray":
                plane = small.planes[0]
                rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
                luma = rows[:35, :49].astype(np.int16) * 16
            wanted = (upscaler.planes([luma])[0] + 8) >> 4
            plane = large.planes[0]
            found = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:70, :98]
            error = found.astype(int) - wanted
            assert np.sqrt((error**2).mean()) < 6  # x264 at crf 18


def test_refused_and_nothing_left(upscaler: Upscaler, tmp_path: Path) -> None:
    good = write_clip(tmp_path / "in.mp4", frames=3, audio=False)
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 9)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 3])
    deep = write_clip(
        tmp_path / "deep.mkv", frames=2, audio=False, codec="ffv1", pix_fmt="yuv420p10le"
    )
    clear = write_clip(
        tmp_path / "clear.mkv", frames=2, audio=False, codec="ffv1", pix_fmt="yuva420p"
    )
    before = sorted(os.listdir(tmp_path))
    for source, error in (
        ("noise.mp4", InputError),
        ("cut.mp4", InputError),
        ("missing.mp4", InputError),
        (deep.name, UnsupportedError),
        (clear.name, UnsupportedError),
    ):
        with pytest.raises(error):
            upscale_video(tmp_path / source, tmp_path / "out.mp4", upscaler)
    with pytest.raises(UnsupportedError, match="write video"):
        upscale_video(good, tmp_path / "out.webm", upscaler)
    with pytest.raises(InputError, match="exists"):
        upscale_video(good, cut, upscaler)
    assert sorted(os.listdir(tmp_path)) == before


def test_what_players_need_goes_along(upscaler: Upscaler, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "in.mp4", frames=4, audio=False)
    turned = tmp_path / "turned.mp4"
    with av.open(str(plain)) as source, av.open(str(turned), "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        copy.set_display_matrix([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30])
        copy.sample_aspect_ratio = Fraction(16, 11)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    for suffix in (".mp4", ".mkv"):
        upscale_video(turned, tmp_path / f"out{suffix}", upscaler)
        found = []
        for path in (turned, tmp_path / f"out{suffix}"):
            with av.open(str(path)) as file:
                frame = next(file.decode(video=0))
                aspect = file.streams.video[0].sample_aspect_ratio
                found.append((bytes(frame.side_data["DISPLAYMATRIX"]), aspect))
        assert found[0] == found[1]
        assert found[0][1] == Fraction(16, 11)


def test_colours_of_rgb_are_told(upscaler: Upscaler, tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.mkv", frames=1, audio=False, codec="libx264rgb", pix_fmt="rgb24"
    )
    upscale_video(source, tmp_path / "out.mkv", upscaler)
    with av.open(str(tmp_path / "out.mkv")) as file:
        frame = next(file.decode(video=0))
        tags = file.streams.video[0].codec_context
    assert (tags.colorspace, tags.color_range) == (1, 1)
    with av.open(str(source)) as file:
        before = next(file.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    after = frame.to_ndarray(format="rgb24", src_colorspace=1, dst_colorspace=1).astype(int)
    small = after.reshape(50, 2, 66, 2, 3).mean((1, 3))
    assert np.abs(small - before).mean() < 6


def test_raw_streams_count_their_frames(upscaler: Upscaler, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.h264", frames=6, audio=False)
    assert upscale_video(source, tmp_path / "out.mp4", upscaler).frames == 6
    times = read(tmp_path / "out.mp4")["times"]
    assert np.diff(times) == pytest.approx([0.04] * 5, abs=1e-3)


def test_names_with_a_colon(
    upscaler: Upscaler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "in.mp4", frames=2, audio=False).rename(tmp_path / "Film: 1.mp4")
    monkeypatch.chdir(tmp_path)
    assert upscale_video("Film: 1.mp4", "Film: 2.mp4", upscaler).frames == 2


def test_what_is_lost_is_said(upscaler: Upscaler, tmp_path: Path) -> None:
    good = write_clip(tmp_path / "in.mkv", frames=30, audio=False)
    with av.open(str(tmp_path / "two.mkv"), "w") as out:
        videos = [out.add_stream("libx264", rate=25) for _ in range(2)]
        for video in videos:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for video in videos:
            for i in range(3):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64), 9 * i, np.uint8), "gray")
                frame = frame.reformat(format="yuv420p")
                frame.pts, frame.time_base = i, Fraction(1, 25)
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
    (tmp_path / "cut.mkv").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    for name, word in (("in.mkv", ""), ("two.mkv", "video stream 1"), ("cut.mkv", "of 1.2")):
        said: list[str] = []
        upscale_video(tmp_path / name, tmp_path / f"out-{name}", upscaler, warn=said.append)
        assert len(said) == bool(word)
        assert word in "".join(said)


def test_wrong_settings_are_named(upscaler: Upscaler, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=2, audio=False)
    with pytest.raises(InputError, match="preset 'nonsense'"):
        upscale_video(source, tmp_path / "out.mp4", upscaler, VideoOptions(preset="nonsense"))


def test_an_interrupt_leaves_nothing(upscaler: Upscaler, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=30)

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upscale_video(source, tmp_path / "out.mp4", upscaler, report=stop)
    assert os.listdir(tmp_path) == ["in.mp4"]
