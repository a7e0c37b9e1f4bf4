"""What filters cost in time: encodes plain, generic and fitted, and decodes with and without them.

    python benchmarks/video_speed.py CLIP [--size 640x360] [--frames 250] [--threads 2]

The clip is brought to the size by Lanczos first. Everything runs in this process, as the command
does it; decoding ends in y4m that goes to the null device. Best of `--repeat`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import av

from pauca.bench.machine import describe_machine
from pauca.video.coders import Coding, preset_of
from pauca.video.decode import decode_video
from pauca.video.encode import VideoOptions, encode_video
from pauca.video.shipped import finder, shipped_filter, shipped_fit


def resized(source: Path, target: Path, size: str, frames: int) -> int:
    """Write at most `frames` frames of `source` as y4m of `size`; the clip begins anew if short."""
    width, height = map(int, size.split("x"))
    count = 0
    with av.open(str(target), "w") as out:
        stream = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        while count < frames:
            with av.open(str(source)) as container:
                for frame in container.decode(video=0):
                    if count == frames:
                        break
                    frame = frame.reformat(width, height, "yuv420p", interpolation="LANCZOS")
                    frame.pts = None
                    out.mux(stream.encode(frame))
                    count += 1
        out.mux(stream.encode(None))
    return count


def measured(source: Path, coded: Path, settings: VideoOptions, repeat: int) -> tuple[float, float]:
    """Return the least wall seconds of encoding and of decoding."""
    encoding, decoding = [], []
    for _ in range(repeat):
        begun = time.perf_counter()
        encode_video(str(source), coded, settings, force=True)
        middle = time.perf_counter()
        with open(os.devnull, "wb") as sink:
            decode_video(str(coded), sink, finder(None), settings.threads)
        encoding.append(middle - begun)
        decoding.append(time.perf_counter() - middle)
    return min(encoding), min(decoding)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--crf", type=float, default=27)
    options = parser.parse_args()
    for name, fact in describe_machine().facts():
        print(f"{name}: {fact}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = folder / "source.y4m"
        frames = resized(options.clip, source, options.size, options.frames)
        print(f"{frames} frames of {options.size}, {options.threads} threads")
        print("| codec | filter | encode fps | of plain | decode fps |\n|---|---|---:|---:|---:|")
        for codec in ("h264", "hevc"):
            plain = 0.0
            for kind in ("none", "generic", "fitted"):
                settings = VideoOptions(
                    Coding(codec, options.crf, None, preset_of(codec, 5)),
                    filter=None if kind == "none" else shipped_filter(None, 1),
                    fit=shipped_fit() if kind == "fitted" else None,
                    seconds=30.0,
                    threads=options.threads,
                )
                spent, shown = measured(source, folder / "coded.mkv", settings, options.repeat)
                plain = plain or spent
                print(
                    f"| {codec} | {kind} | {frames / spent:.1f} | {spent / plain:.2f} "
                    f"| {frames / shown:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
