"""`pauca encode`, `decode` and `info` of videos."""

from __future__ import annotations

import io
import sys
import time
from dataclasses import asdict, dataclass, replace
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import typer

from pauca.cli import files
from pauca.errors import InputError

if TYPE_CHECKING:
    from pauca.video.encode import VideoOptions
    from pauca.video.restore import Filter

# Seconds that a scene's fit may take, by effort.
_SECONDS = (2, 4, 8, 15, 30, 60, 120, 240, 480)


class Codec(Enum):
    """What a video is coded with."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"


class FilterChoice(Enum):
    """Which neural filter goes along with a video."""

    NONE = "none"
    GENERIC = "generic"
    FITTED = "fitted"


@dataclass(frozen=True)
class VideoRequest:
    """Options of `encode` for videos; None where the user has given none."""

    codec: Codec | None
    crf: float | None
    bitrate: str | None
    target_vmaf: float | None
    preset: str | None
    filter: FilterChoice | None
    scale: int | None
    fps: str | None
    nnpf: bool


def is_video(path: str) -> bool:
    """Return whether `path` is to be read as a video: by its extension, a folder, piped y4m."""
    from pauca.streams.library import SUFFIXES

    if path == files.STANDARD:
        return _peeked().startswith(b"YUV4MPEG2 ")
    return Path(path).suffix.lower() in SUFFIXES or (path != "" and Path(path).is_dir())


def _peeked() -> bytes:
    """Return the first bytes of standard input, which stay there to be read."""
    file = files.open_standard_input()
    return file.peek(16) if isinstance(file, io.BufferedReader) else b""


def encode_video_file(
    input: str,
    output: str,
    request: VideoRequest,
    effort: int | None,
    model: str | None,
    jobs: int,
    force: bool,
    json: bool,
) -> None:
    """Code the video file or folder of pictures `input`."""
    from pauca.video.encode import encode_video

    if output == files.STANDARD:
        raise typer.BadParameter("a video needs a file: -o out.mp4")
    options = _options(request, output, effort or 5, model, jobs)
    source = files.open_standard_input() if input == files.STANDARD else input
    if not isinstance(source, str) and request.target_vmaf is not None:
        raise typer.BadParameter("--target-vmaf reads the video twice; name a file")
    trials: list[dict[str, float]] = []
    start = time.perf_counter()
    if request.target_vmaf is not None:
        options = _searched(input, options, request.target_vmaf, trials)
    try:
        with files.bar(f"encoding {input}") as tell:
            done = encode_video(source, output, options, force, tell, files.warn)
    except (KeyboardInterrupt, SystemExit):
        print(
            "pauca: stopped; the same command goes on after the last whole scene", file=sys.stderr
        )
        raise
    seconds = time.perf_counter() - start
    record = {"input": input, "output": output, **asdict(done), "seconds": seconds}
    record |= {"codec": options.coding.codec, "crf": options.coding.crf, "trials": trials}
    coded = done.frames - done.resumed
    scenes = ", ".join(f"{count} {name}" for name, count in done.treatments.items())
    line = (
        f"{output}: {done.bytes} bytes, {done.frames} frames, {done.scenes} scenes ({scenes}), "
        f"{coded / seconds:.1f} fps, {seconds:.2f} s"
    )
    if done.message_bytes:
        line += f"; filters take {done.message_bytes} bytes"
    if trials:
        line += f"; crf {options.coding.crf:g} by {len(trials)} trials"
    files.report(line, record if json else None)


def decode_video_file(
    input: str,
    output: str,
    model: Path | None,
    choice: FilterChoice | None,
    jobs: int,
    force: bool,
    json: bool,
) -> None:
    """Decode the video file `input`, and apply the filters that it carries."""
    from pauca.pack.runtime import threads_of
    from pauca.video.decode import decode_video
    from pauca.video.shipped import finder

    if input == files.STANDARD:
        raise InputError("a video is decoded from a file; name it")
    find = None if choice is FilterChoice.NONE else finder(model)
    target: str | BinaryIO = output if output != files.STANDARD else sys.stdout.buffer
    start = time.perf_counter()
    with files.bar(f"decoding {input}") as tell:
        done = decode_video(input, target, find, threads_of(jobs), force, tell, files.warn)
    seconds = time.perf_counter() - start
    record = {"input": input, "output": output, **asdict(done), "seconds": seconds}
    line = (
        f"{output}: {done.width} x {done.height}, {done.frames} frames, {done.restored} of them "
        f"restored, {done.frames / seconds:.1f} fps, {seconds:.2f} s"
    )
    files.report(line, record if json else None)


def show_video(input: str, json: bool) -> None:
    """Show what the video file `input` is and carries."""
    from pauca.video.read import video_info

    if input == files.STANDARD:
        raise InputError("a video is looked at in a file; name it")
    record = {"input": input, "kind": "video", **asdict(video_info(input, files.warn))}
    if json:
        files.print_json(record)
        return
    counts = ", ".join(f"{count} {name}" for name, count in record["treatments"].items())
    record |= {"treatments": counts or "none", "packs": " ".join(record["packs"]) or "none"}
    width = max(map(len, record)) + 2
    for key, value in record.items():
        print(f"{key + ':':<{width}}{value}")


def parse_bitrate(text: str) -> int:
    """Return bits a second of "800k", "1.5M" or a plain number."""
    factors = {"k": 1e3, "m": 1e6}
    number, factor = text, 1.0
    if text and text[-1].lower() in factors:
        number, factor = text[:-1], factors[text[-1].lower()]
    try:
        bits = round(float(number) * factor)
    except (ValueError, OverflowError):
        bits = 0
    if not 1000 <= bits <= 10**9:
        raise typer.BadParameter(f"--bitrate {text}: bits a second, as 800k or 1.5M")
    return bits


def _options(
    request: VideoRequest, output: str, effort: int, model: str | None, jobs: int
) -> VideoOptions:
    from pauca.pack.runtime import threads_of
    from pauca.video.coders import CRF, Coding, preset_of
    from pauca.video.encode import VideoOptions
    from pauca.video.shipped import has_filter, shipped_filter, shipped_fit, standard_form

    ways = {
        "--crf": request.crf,
        "--bitrate": request.bitrate,
        "--target-vmaf": request.target_vmaf,
    }
    given = [name for name, value in ways.items() if value is not None]
    if len(given) > 1:
        raise typer.BadParameter(f"{given[0]} and {given[1]} both say how good; give one")
    scale = request.scale or 1
    if scale not in (1, 2):
        raise typer.BadParameter("--scale must be 1 or 2")
    usual = Codec.AV1 if Path(output).suffix.lower() == ".webm" else Codec.H264
    codec = (request.codec or usual).value
    coding = Coding(
        codec=codec,
        crf=CRF[codec] if request.crf is None else request.crf,
        bitrate=parse_bitrate(request.bitrate) if request.bitrate else None,
        preset=request.preset or preset_of(codec, effort),
    )
    choice = request.filter
    if choice is None:
        wanted = model is not None or has_filter(scale)
        choice = FilterChoice.GENERIC if wanted else FilterChoice.NONE
    if choice is FilterChoice.NONE and model:
        raise typer.BadParameter("--model names a filter, and --filter none wants none")
    filter: Filter | None = None
    if choice is not FilterChoice.NONE:
        filter = shipped_filter(model, scale)
    fit = shipped_fit() if choice is FilterChoice.FITTED else None
    if request.nnpf and filter is None:
        raise typer.BadParameter("--nnpf adds a filter in the standard's form, and there is none")
    return VideoOptions(
        coding=coding,
        scale=scale,
        filter=filter,
        fit=fit,
        seconds=float(_SECONDS[effort - 1]),
        threads=threads_of(jobs),
        rate=_rate(request.fps),
        standard=standard_form(filter) if request.nnpf and filter else None,
    )


def _rate(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise typer.BadParameter(f"--fps {text}: frames a second, as 25 or 30000/1001")
    return rate


def _searched(
    input: str, options: VideoOptions, target: float, trials: list[dict[str, float]]
) -> VideoOptions:
    """Return `options` with the CRF that reaches `target`."""
    from pauca.video.quality import find_crf

    with files.progress(f"searching for VMAF {target:g}") as tell:

        def report(crf: float, vmaf: float) -> None:
            trials.append({"crf": crf, "vmaf": vmaf})
            tell(f"crf {crf:g}: VMAF {vmaf:.2f}")

        crf = find_crf(input, options, target, report)
    return replace(options, coding=replace(options.coding, crf=crf))


def refuse_standard_input(data: bytes) -> None:
    """Raise `InputError` if the bytes from standard input start a video, which needs a file."""
    if data[4:8] == b"ftyp" or data[:4] == b"\x1aE\xdf\xa3":
        raise InputError("a video is read from a file, or as y4m from a pipe; name the file")
