"""Encoding: frames, times and companions survive; scenes, filters, resume, refusals."""

import os
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pauca.errors import InputError, UnsupportedError
from pauca.video.coders import Coding
from pauca.video.decode import decode_video
from pauca.video.encode import VideoOptions, encode_video
from pauca.video.read import video_info

from .clips import Adder, Smoother, packets_in, planes_in, same, stripes, times_in, write_clip

av = pytest.importorskip("av")

FAST = {"h264": "ultrafast", "hevc": "ultrafast", "av1": "12"}
QUICK = VideoOptions(Coding("h264", 30, None, "veryfast"))


def quick(codec: str, **changes: Any) -> VideoOptions:
    return VideoOptions(Coding(codec, 35, None, FAST[codec]), **changes)


def fit_to(payload: bytes | None) -> Any:
    def fit(
        filter: Any, scene: Iterable[Any], rate_weight: float, budget_seconds: float, codec: str
    ) -> bytes | None:
        samples = list(scene)
        assert samples and rate_weight > 0
        assert all(a[0].shape == (filter.scale * b[0].shape[0], filter.scale * b[0].shape[1])
                   for a, b, _ in samples)  # fmt: skip
        return payload

    return fit


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("h264", ".mp4"), ("h264", ".mkv"), ("hevc", ".mov"), ("hevc", ".mkv"), ("av1", ".mp4"),
     ("av1", ".mkv")],
)  # fmt: skip
def test_frames_times_and_audio_survive(tmp_path: Path, codec: str, suffix: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 40, cuts=(17,), audio=True)
    target = tmp_path / f"out{suffix}"
    heard: list[tuple[int, int]] = []
    done = encode_video(
        str(source), target, quick(codec), report=lambda count, total: heard.append((count, total))
    )
    assert (done.frames, done.scenes, done.width, done.height) == (40, 2, 96, 64)
    assert heard[-1] == (40, 40) and [count for count, _ in heard] == list(range(1, 41))
    before, after = times_in(source), times_in(target)
    start = after[0] - before[0]
    assert after == pytest.approx([t + start for t in before], abs=1e-3)
    assert packets_in(target, "audio") == packets_in(source, "audio")
    psnr = [_psnr(a[0], b[0]) for a, b in zip(planes_in(source), planes_in(target), strict=True)]
    assert min(psnr) > 25
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", f"out{suffix}"]


def _psnr(a: Any, b: Any) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(float) - b) ** 2))))


def test_tags_rotation_aspect_chapters_and_colours_survive(tmp_path: Path) -> None:
    def setup(out: Any, video: Any) -> None:
        context = video.codec_context
        context.sample_aspect_ratio = Fraction(16, 11)
        context.color_range, context.colorspace = 1, 5
        context.color_primaries, context.color_trc = 5, 6
        video.set_display_rotation(90)
        out.metadata["title"] = "Moving stripes"
        out.set_chapters([
            {"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000),
             "metadata": {"title": "one"}},
        ])  # fmt: skip

    source = write_clip(tmp_path / "in.mp4", 12, setup=setup)
    for name in ("out.mp4", "out.mkv"):
        encode_video(str(source), tmp_path / name, QUICK)
        with av.open(str(tmp_path / name)) as file:
            stream = file.streams.video[0]
            frame = next(file.decode(stream))
            assert stream.sample_aspect_ratio == Fraction(16, 11)
            context = stream.codec_context
            assert (context.color_range, context.colorspace) == (1, 5)
            assert (context.color_primaries, context.color_trc) == (5, 6)
            assert frame.rotation == 90
            assert file.metadata["title"] == "Moving stripes"
            assert [c["metadata"]["title"] for c in file.chapters()] == ["one"]


def test_attachments_go_where_they_can(tmp_path: Path) -> None:
    def setup(out: Any, video: Any) -> None:
        out.add_attachment("font.ttf", "font/ttf", b"glyphs")

    source = write_clip(tmp_path / "in.mkv", 6, setup=setup)
    said: list[str] = []
    encode_video(str(source), tmp_path / "out.mkv", QUICK, warn=said.append)
    with av.open(str(tmp_path / "out.mkv")) as file:
        held = [s.data for s in file.streams if s.type == "attachment"]
    assert held == [b"glyphs"] and said == []
    encode_video(str(source), tmp_path / "out.mp4", QUICK, warn=said.append)
    assert len(said) == 1 and "font.ttf" in said[0]


def test_text_subtitles_change_their_form_with_the_container(tmp_path: Path) -> None:
    source, lines = tmp_path / "in.mkv", [b"<i>Hello</i> there", b"Bye"]
    write_clip(source, 30)
    with av.open(str(source)) as file, av.open(str(tmp_path / "text.mkv"), "w") as out:
        video = out.add_stream_from_template(file.streams.video[0])
        text = out.add_mux_stream("subrip")
        text.time_base, text.metadata["language"] = Fraction(1, 1000), "eng"
        for i, line in enumerate(lines):
            packet = av.Packet(line)
            packet.pts = packet.dts = 100 + 500 * i
            packet.duration, packet.time_base, packet.stream = 300, Fraction(1, 1000), text
            out.mux(packet)
        for packet in file.demux(file.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
    encode_video(str(tmp_path / "text.mkv"), tmp_path / "out.mp4", QUICK)
    shown = packets_in(tmp_path / "out.mp4", "subtitle")
    assert [p[2:] for p in shown if p[2:]] == [b"Hello there", b"Bye"]
    encode_video(str(tmp_path / "out.mp4"), tmp_path / "back.mkv", QUICK)
    assert packets_in(tmp_path / "back.mkv", "subtitle") == [b"Hello there", b"Bye"]
    with av.open(str(tmp_path / "back.mkv")) as file:
        stream = file.streams.subtitles[0]
        assert stream.language == "eng"
        packets = [packet for packet in file.demux(stream) if packet.size]
        times = [(p.pts * p.time_base, p.duration * p.time_base) for p in packets]
    assert [float(d) for _, d in times] == pytest.approx([0.3, 0.3], abs=2e-3)
    assert float(times[1][0] - times[0][0]) == pytest.approx(0.5, abs=2e-3)


@pytest.mark.parametrize("size", [(95, 63), (96, 63), (97, 66)])
@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_odd_sizes_are_restored(tmp_path: Path, size: tuple[int, int], codec: str) -> None:
    source = write_clip(tmp_path / "in.mkv", 3, size, codec="ffv1")
    done = encode_video(str(source), tmp_path / "out.mkv", quick(codec))
    info = video_info(str(tmp_path / "out.mkv"))
    assert (info.restored_width, info.restored_height) == size == (done.width, done.height)
    assert (info.width, info.height) == tuple(side + side % 2 for side in size)


@pytest.mark.parametrize("pix_fmt", ["yuv444p", "gray", "yuvj420p", "gbrp"])
def test_other_formats_become_420(tmp_path: Path, pix_fmt: str) -> None:
    codec = "mjpeg" if pix_fmt == "yuvj420p" else "ffv1" if pix_fmt != "gbrp" else "libx264rgb"
    fmt = pix_fmt if pix_fmt != "gbrp" else "rgb24"
    source = write_clip(tmp_path / "in.mkv", 3, codec=codec, pix_fmt=fmt)
    encode_video(str(source), tmp_path / "out.mp4", QUICK)
    with av.open(str(tmp_path / "out.mp4")) as file:
        frame = next(file.decode(video=0))
        assert frame.format.name in ("yuv420p", "yuvj420p")
        assert (frame.format.name == "yuvj420p") == (pix_fmt == "yuvj420p")
    want = planes_in(source)[0][0] if pix_fmt not in ("gbrp",) else None
    if want is not None:
        assert _psnr(planes_in(tmp_path / "out.mp4")[0][0], want) > 25


def test_a_folder_of_pictures_is_a_video(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in (1, 2, 9, 10):  # natural order, not that of letters
        Image.new("RGB", (64, 48), (20 * i, 0, 0)).save(folder / f"shot{i}.png")
    done = encode_video(str(folder), tmp_path / "out.mp4", replace(QUICK, rate=Fraction(10)))
    assert done.frames == 4
    luma = [planes[0].mean() for planes in planes_in(tmp_path / "out.mp4")]
    assert luma == sorted(luma)
    assert np.diff(times_in(tmp_path / "out.mp4")) == pytest.approx(0.1)
    Image.new("RGB", (64, 50)).save(folder / "shot11.png")
    with pytest.raises(InputError, match="shot11.png"):
        encode_video(str(folder), tmp_path / "b.mp4", QUICK)
    assert sorted(os.listdir(tmp_path)) == ["frames", "out.mp4"]


def test_the_filter_is_off_where_it_does_not_pay(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 20, codec="ffv1", cuts=(10,))
    bad = encode_video(str(source), tmp_path / "a.mp4", replace(QUICK, filter=Adder(amount=9)))
    assert bad.treatments == {"off": 2} and bad.message_bytes == 0
    plain = encode_video(str(source), tmp_path / "b.mp4", QUICK)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert plain.treatments == {"off": 2}


def test_the_filter_goes_along_where_it_pays(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 20, codec="ffv1", cuts=(10,), draw=stripes)
    options = replace(QUICK, coding=Coding("h264", 40, None, "veryfast"), filter=Smoother())
    good = encode_video(str(source), tmp_path / "out.mp4", options)
    assert good.treatments == {"generic": 2}
    assert 2 * 20 < good.message_bytes < 2 * 60


def test_names_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "in.mkv", frames=2).rename(tmp_path / "Film: 1.mkv")
    monkeypatch.chdir(tmp_path)
    assert encode_video("Film: 1.mkv", "Film: 2.mkv", QUICK).frames == 2
    assert video_info("Film: 2.mkv").frames == 2


def test_pictures_too_small_for_x265_are_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=2, size=(62, 64))
    with pytest.raises(UnsupportedError, match="64 x 64"):
        encode_video(str(source), tmp_path / "out.mkv", VideoOptions(Coding("hevc", preset="fast")))
    assert os.listdir(tmp_path) == ["in.mkv"]


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_foreign_players_see_the_same_pictures(tmp_path: Path, codec: str) -> None:
    source = write_clip(tmp_path / "in.mkv", 30, codec="ffv1", cuts=(12,))
    options = quick(codec)
    encode_video(str(source), tmp_path / "plain.mp4", options)
    fitted = replace(options, filter=Adder(), fit=fit_to(b"up" + bytes(range(256)) * 30))
    done = encode_video(str(source), tmp_path / "ours.mp4", fitted)
    assert done.treatments == {"updated": 2}
    assert same(planes_in(tmp_path / "plain.mp4"), planes_in(tmp_path / "ours.mp4"))
    info = video_info(str(tmp_path / "ours.mp4"))
    assert info.update_bytes == 2 * 7682 and info.packs == (b"ADDE".hex(),)
    assert info.treatments == {"updated": 2}


def test_refused_and_nothing_left(tmp_path: Path) -> None:
    good = write_clip(tmp_path / "in.mp4", 6, audio=True)
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "empty").mkdir()
    deep = write_clip(tmp_path / "deep.mkv", 2, codec="ffv1", pix_fmt="yuv420p10le")
    clear = write_clip(tmp_path / "clear.mkv", 2, codec="ffv1", pix_fmt="yuva420p")
    before = sorted(os.listdir(tmp_path))
    for source, error in (
        ("noise.mp4", InputError), ("missing.mp4", InputError), ("empty", InputError),
        (deep.name, UnsupportedError), (clear.name, UnsupportedError),
    ):  # fmt: skip
        with pytest.raises(error):
            encode_video(str(tmp_path / source), tmp_path / "out.mp4", QUICK)
    av1 = quick("av1")
    for options, target, error in (
        (QUICK, "out.avi", UnsupportedError), (QUICK, "out.webm", UnsupportedError),
        (QUICK, "deep.mkv", InputError), (QUICK, "none/out.mp4", InputError),
        (replace(QUICK, scale=2, filter=Adder()), "out.mp4", InputError),
        (replace(QUICK, coding=Coding(preset="8")), "out.mp4", InputError),
        (av1, "out.webm", UnsupportedError),  # cannot hold the AAC
    ):  # fmt: skip
        with pytest.raises(error):
            encode_video(str(good), tmp_path / target, options)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_stream_that_the_file_cannot_hold_is_named(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mkv", 6, audio=True, sound_codec="flac")
    source, target = str(tmp_path / "in.mkv"), str(tmp_path / "out.mov")
    for work in (
        lambda: encode_video(source, target, QUICK),
        lambda: decode_video(source, target, None),
    ):
        with pytest.raises(UnsupportedError, match=r"cannot hold the audio \(flac\); write .mkv"):
            work()
    assert os.listdir(tmp_path) == ["in.mkv"]


def test_a_bitrate_is_kept(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 150, (192, 128), cuts=(40, 75, 110), codec="ffv1")
    coding = Coding("h264", 23, 120_000, "veryfast")
    done = encode_video(str(source), tmp_path / "out.mp4", VideoOptions(coding))
    assert done.video_bytes * 8 / 6 == pytest.approx(120_000, rel=0.25)
