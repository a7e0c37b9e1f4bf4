"""Decoding: filters are applied to the right frames, whatever happened to the file on the way."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pauca.errors import InputError, PackError, UnsupportedError
from pauca.video.carry import UUID
from pauca.video.coders import Coding
from pauca.video.decode import decode_video
from pauca.video.encode import VideoOptions, encode_video
from pauca.video.read import video_info

from .clips import Adder, packets_in, planes_in, same, times_in, write_clip
from .test_encode import fit_to, quick

av = pytest.importorskip("av")


def finder(filter: Any) -> Callable[[bytes], Any]:
    def find(prefix: bytes) -> Any:
        if filter is None or not filter.pack_id.startswith(prefix):
            raise PackError(f"no filter {prefix.hex()}")
        return filter

    return find


def remux(source: Path, target: Path) -> Path:
    """Copy packets to another container, with PyAV."""
    with av.open(str(source)) as file, av.open(str(target), "w") as out:
        copies = {s.index: out.add_stream_from_template(s, opaque=True) for s in file.streams}
        for packet in file.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    return target


def ffmpeg_remux(source: Path, target: Path) -> Path:
    """Copy packets with a foreign ffmpeg."""
    program = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    command = [program, "-v", "error", "-i", source, "-c", "copy", target]
    subprocess.run(command, check=True, timeout=60)
    return target


def expected(path: Path, filter: Any, qp: int, amounts: list[int], cut: int) -> list[Any]:
    """What a decoder is to show: the filter on plainly decoded frames, by scene."""
    found = []
    for i, (y, u, v) in enumerate(planes_in(path)):
        used = replace(filter, amount=amounts[i >= cut])
        found.append(list(used.apply(y, u, v, qp)))
    return found


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_filters_apply_and_survive_remuxing(tmp_path: Path, codec: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 40, cuts=(16,), audio=True)
    options = quick(codec, filter=Adder(), fit=fit_to(b"up\x05"))
    encode_video(str(source), tmp_path / "ours.mp4", options)
    chain = [tmp_path / "ours.mp4", remux(tmp_path / "ours.mp4", tmp_path / "b.mkv")]
    chain.append(ffmpeg_remux(chain[-1], tmp_path / "c.mp4"))
    chain.append(ffmpeg_remux(chain[-1], tmp_path / "d.mkv"))
    for i, path in enumerate(chain):
        target = tmp_path / f"restored{i}.mkv"
        done = decode_video(str(path), str(target), finder(Adder()))
        # That ffmpeg's edit list hides one frame of AV1 in c.mp4, with our data and without.
        count = len(planes_in(path))
        assert count == 40 - (codec == "av1" and path.name == "c.mp4")
        assert (done.frames, done.restored) == (count, count)
        assert same(planes_in(target), expected(path, Adder(), 35, [5, 5], 16))
        before, after = times_in(path), times_in(target)
        assert np.diff(after) == pytest.approx(np.diff(before), abs=1.1e-3)
        assert packets_in(target, "audio") == packets_in(source, "audio")


def test_scenes_change_filters(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 40, cuts=(16,))
    answers = iter([b"up\x02", b""])

    def fit(*args: Any) -> bytes:
        list(args[1])
        return next(answers)

    encode_video(str(source), tmp_path / "ours.mp4", quick("h264", filter=Adder(), fit=fit))
    decode_video(str(tmp_path / "ours.mp4"), str(tmp_path / "r.mkv"), finder(Adder()))
    want = expected(tmp_path / "ours.mp4", Adder(), 35, [2, 3], 16)
    assert same(planes_in(tmp_path / "r.mkv"), want)
    answers = iter([None, b"up\x04"])  # type: ignore[list-item]
    encode_video(str(source), tmp_path / "b.mp4", quick("h264", filter=Adder(), fit=fit))
    done = decode_video(str(tmp_path / "b.mp4"), str(tmp_path / "b.mkv"), finder(Adder()))
    assert done.restored == 24
    plain, restored = planes_in(tmp_path / "b.mp4"), planes_in(tmp_path / "b.mkv")
    assert same(plain[:16], restored[:16]) and not same(plain[16:], restored[16:])


@pytest.mark.parametrize("size", [(96, 64), (95, 61), (98, 66)])
def test_half_size_comes_back_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    source = write_clip(tmp_path / "in.mkv", 12, size, codec="ffv1")
    sharp = VideoOptions(Coding("h264", 8, None, "veryfast"), scale=2, filter=Adder(2, 0))
    encode_video(str(source), tmp_path / "ours.mp4", sharp)
    with av.open(str(tmp_path / "ours.mp4")) as file:
        stream = file.streams.video[0]
        assert (stream.width, stream.height) == tuple(-(-side // 4) * 2 for side in size)
    for find, restored in ((finder(Adder(2, 0)), 12), (None, 0)):
        target = tmp_path / f"restored{restored}.mkv"
        done = decode_video(str(tmp_path / "ours.mp4"), str(target), find)
        assert (done.width, done.height, done.restored) == (*size, restored)
        want, found = planes_in(source), planes_in(target)
        assert [p.shape for p in found[0]] == [p.shape for p in want[0]]
        error = np.mean([(a[0].astype(int) - b[0]) ** 2 for a, b in zip(want, found, strict=True)])
        assert error < 120


def test_other_outputs(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 6, (95, 63), codec="ffv1", even=True)
    options = quick("h264", filter=Adder(), fit=fit_to(b"up\x04"))
    encode_video(str(source), tmp_path / "ours.mp4", options)
    decode_video(str(tmp_path / "ours.mp4"), str(tmp_path / "r.mkv"), finder(Adder()))
    want = planes_in(tmp_path / "r.mkv")
    decode_video(str(tmp_path / "ours.mp4"), str(tmp_path / "r.y4m"), finder(Adder()))
    assert same(planes_in(tmp_path / "r.y4m"), want)
    with av.open(str(tmp_path / "r.y4m")) as file:
        assert file.streams.video[0].average_rate == 25
    with pytest.raises(UnsupportedError, match="mkv"):
        decode_video(str(tmp_path / "ours.mp4"), str(tmp_path / "r.mp4"), finder(Adder()))
    decode_video(str(tmp_path / "ours.mp4"), str(tmp_path / "pngs"), finder(Adder()))
    names = sorted(os.listdir(tmp_path / "pngs"))
    assert names == [f"{i:06d}.png" for i in range(1, 7)]
    with Image.open(tmp_path / "pngs/000001.png") as image:
        assert image.size == (95, 63)
    with pytest.raises(InputError, match="force"):
        decode_video(str(tmp_path / "ours.mp4"), str(tmp_path / "pngs"), finder(Adder()))
    with pytest.raises(UnsupportedError, match="avi"):
        decode_video(str(tmp_path / "ours.mp4"), str(tmp_path / "r.avi"), finder(Adder()))
    even = write_clip(tmp_path / "even.mkv", 4)
    encode_video(str(even), tmp_path / "even.mp4", options)
    decode_video(str(tmp_path / "even.mp4"), str(tmp_path / "r.mp4"), finder(Adder()))
    assert len(planes_in(tmp_path / "r.mp4")) == 4
    left = {"in.mkv", "ours.mp4", "r.mkv", "r.y4m", "pngs", "even.mkv", "even.mp4", "r.mp4"}
    assert set(os.listdir(tmp_path)) == left


def test_plain_video_is_decoded_as_it_is(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 10, audio=True)
    heard: list[int] = []
    done = decode_video(
        str(source), str(tmp_path / "r.mkv"), finder(None), report=lambda n, total: heard.append(n)
    )
    assert (done.frames, done.restored) == (10, 0) and heard == list(range(1, 11))
    assert same(planes_in(source), planes_in(tmp_path / "r.mkv"))
    assert video_info(str(source)).scenes == 0


def test_a_missing_filter_is_named(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 6)
    options = quick("h264", filter=Adder(), fit=fit_to(b""))
    encode_video(str(source), tmp_path / "ours.mp4", options)
    with pytest.raises(PackError, match=b"ADDE".hex()):
        decode_video(str(tmp_path / "ours.mp4"), str(tmp_path / "r.mkv"), finder(None))
    assert sorted(os.listdir(tmp_path)) == ["in.mkv", "ours.mp4"]
    decode_video(str(tmp_path / "ours.mp4"), str(tmp_path / "r.mkv"), None)
    assert same(planes_in(tmp_path / "ours.mp4"), planes_in(tmp_path / "r.mkv"))


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_damage_costs_a_warning_and_nothing_more(tmp_path: Path, codec: str) -> None:
    source = write_clip(tmp_path / "in.mkv", 30, cuts=(14,))
    options = quick(codec, filter=Adder(), fit=fit_to(b"up" + bytes([1]) * 300))
    encode_video(str(source), tmp_path / "ours.mkv", options)
    data = bytearray((tmp_path / "ours.mkv").read_bytes())
    at = data.index(UUID)
    for name, place, value in (("update", 100, 9), ("version", 16, 7), ("uuid", 3, 1)):
        bad = bytearray(data)
        bad[at + place] ^= value
        path = tmp_path / f"{name}.mkv"
        path.write_bytes(bad)
        said: list[str] = []
        done = decode_video(str(path), str(tmp_path / f"{name}-r.mkv"), finder(Adder()),
                            warn=said.append)  # fmt: skip
        assert (done.frames, done.restored) == (30, 16)
        assert len(said) == (name != "uuid")
        assert same(planes_in(path)[:14], planes_in(tmp_path / f"{name}-r.mkv")[:14])


def test_a_refused_update_leaves_the_filter_as_it_comes(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 10)
    options = quick("h264", filter=Adder(), fit=fit_to(b"no such update"))
    encode_video(str(source), tmp_path / "ours.mp4", options)
    said: list[str] = []
    done = decode_video(
        str(tmp_path / "ours.mp4"), str(tmp_path / "r.mkv"), finder(Adder()), warn=said.append
    )
    assert done.restored == 10 and len(said) == 1
    want = expected(tmp_path / "ours.mp4", Adder(), 35, [3, 3], 0)
    assert same(planes_in(tmp_path / "r.mkv"), want)


def test_what_is_appended_is_none_of_ours(tmp_path: Path) -> None:
    program = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    first = write_clip(tmp_path / "a.mkv", 10, even=True)
    options = quick("h264", filter=Adder(), fit=fit_to(b"up\x04"))
    encode_video(str(first), tmp_path / "ours.ts.mkv", options)
    encode_video(str(first), tmp_path / "plain.mkv", quick("h264"))
    (tmp_path / "list").write_text("file ours.ts.mkv\nfile plain.mkv\n")
    command = [program, "-v", "error", "-f", "concat", "-i", "list", "-c", "copy", "both.mkv"]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=60)
    done = decode_video(str(tmp_path / "both.mkv"), str(tmp_path / "r.mkv"), finder(Adder()))
    assert (done.frames, done.restored) == (20, 10)
    plain, restored = planes_in(tmp_path / "both.mkv"), planes_in(tmp_path / "r.mkv")
    assert same(plain[10:], restored[10:]) and not same(plain[:10], restored[:10])


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 30)

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_video(str(source), str(tmp_path / "r.mkv"), None, report=stop)
    assert os.listdir(tmp_path) == ["in.mkv"]
