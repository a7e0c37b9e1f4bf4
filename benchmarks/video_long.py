"""A long video: does memory stay flat, is the progress true, does a killed encode end as another?

    python benchmarks/video_long.py [--minutes 30] [--size 320x180] [--codec h264] [--out FOLDER]

The clip is ffmpeg's moving test picture with a cut every 20 seconds and a tone. It is encoded with
the shipped filter twice: in one go, and killed (SIGKILL) at two fifths and at three quarters and
begun again.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import av

RATE = 25
CUT = 20  # seconds between cuts
EVERY = 500  # frames between reports
RUN = """
import sys
from pauca.video.coders import Coding
from pauca.video.encode import VideoOptions, encode_video
from pauca.video.shipped import shipped_filter
source, target, codec = sys.argv[1:4]
def memory(name):
    return int(open("/proc/self/status").read().split(name + ":")[1].split()[0]) // 1024
def report(count, total):
    if count % int(sys.argv[4]) == 0 or count == total:
        print(count, total, memory("VmRSS"), memory("VmHWM"), flush=True)
coding = Coding(codec, 26, None, "veryfast" if codec != "av1" else "10")
options = VideoOptions(coding, filter=shipped_filter(None, 1))
done = encode_video(source, target, options, report=report)
print("done", done.frames, done.scenes, done.resumed, done.treatments, done.message_bytes)
"""


@dataclass
class Encode:
    """What one process told: reports of (frame, total, resident MiB, peak MiB), its last line."""

    reports: list[tuple[int, int, int, int]] = field(default_factory=list)
    last: str = ""
    seconds: float = 0.0


def make_clip(path: Path, minutes: float, size: str) -> None:
    """A test picture whose brightness jumps at every cut, and a tone."""
    import imageio_ffmpeg

    seconds = f"{60 * minutes:g}"
    jump = f"hue=b='4*mod(floor(t/{CUT}),2)-2':h='37*floor(t/{CUT})'"
    tone = f"sine=frequency=440:duration={seconds}"
    words = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={RATE}:duration={seconds}"]
    words += ["-f", "lavfi", "-i", tone, "-vf", jump, "-pix_fmt", "yuv420p"]
    words += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-c:a", "aac", str(path)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *words]
    subprocess.run(command, check=True)


def encode(source: Path, target: Path, codec: str, kill_at: float | None = None) -> Encode:
    """Encode in a process of its own; kill it at a share of the frames."""
    found, begun = Encode(), time.perf_counter()
    words = [sys.executable, "-c", RUN, str(source), str(target), codec, str(EVERY)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found.last = line.strip()
            if line.startswith("done"):
                continue
            found.reports.append(tuple(map(int, line.split())))  # type: ignore[arg-type]
            count, total = found.reports[-1][:2]
            if kill_at is not None and count >= kill_at * total:
                process.kill()
    found.seconds = time.perf_counter() - begun
    return found


def check_progress(name: str, found: Encode, frames: int) -> None:
    """Counts rise, none is left out, and the total is the number of frames all the time."""
    counts = [report[0] for report in found.reports]
    totals = {report[1] for report in found.reports}
    true = counts == sorted(counts) and totals == {frames}
    print(
        f"{name}: {len(counts)} reports, totals {sorted(totals)}, {'true' if true else 'NOT TRUE'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--codec", default="h264", choices=["h264", "hevc", "av1"])
    parser.add_argument("--out", type=Path, help="folder that keeps the files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / "long.mp4"
        if not source.exists():
            make_clip(source, options.minutes, options.size)
        frames = round(60 * options.minutes * RATE)
        whole, cut = folder / "whole.mp4", folder / "cut.mp4"
        for target in (whole, cut):
            target.unlink(missing_ok=True)
        once = encode(source, whole, options.codec)
        print(f"in one go, {once.seconds:.0f} s, {frames / once.seconds:.0f} fps: {once.last}")
        for share in (0.1, 0.25, 0.5, 0.75, 1.0):
            count, _, now, peak = next(r for r in once.reports if r[0] >= share * frames)
            print(f"  frame {count}: {now} MiB resident, {peak} MiB peak")
        check_progress("progress", once, frames)
        for share in (0.4, 0.75, None):
            part = encode(source, cut, options.codec, share)
            end = "to the end" if share is None else f"killed at {share:.0%}"
            print(f"{end}, {part.seconds:.0f} s: {part.last}; whole file there: {cut.exists()}")
            check_progress("  progress", part, frames)
        digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (whole, cut)}
        print(
            "same file" if len(digests) == 1 else "NOT THE SAME FILE", whole.stat().st_size, "bytes"
        )
        with av.open(str(whole)) as file:
            print("frames decoded:", sum(1 for _ in file.decode(video=0)), "of", frames)


if __name__ == "__main__":
    main()
