"""BD-rates of filters on the decoded frames of x264 and x265, every byte of updates counted.

python benchmarks/video_filters.py FOLDER [--filter vf-restore] [--codecs libx264,libx265]

A clip is .mp4, .mkv, .y4m or .y4m.xz (8 bits, 4:2:0), one scene. Rates are bytes of packets, PSNR
is of the mean squared error over a clip. Besides its payload, a filter that is on costs MESSAGE
bytes a clip.
"""

from __future__ import annotations

import argparse
import json
import lzma
import pickle
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from pauca.metrics.bdrate import bd_rate
from pauca.streams.coded import Coded, three_planes, through_codec
from pauca.video.coders import LIBRARY
from pauca.video.filters import Filter, fit, load_filter, price
from pauca.video.filters.data import PRESETS

CRFS = (22, 27, 32, 37)
MESSAGE = 40  # bytes of the message that carries an update: start code, header, UUID, pack
CODEC = {library: codec for codec, library in LIBRARY.items()}


@dataclass
class Point:
    """Bytes, and PSNR of Y, U and V."""

    size: int
    psnr: list[float]


def frames_of(path: Path):
    if path.suffix == ".xz":
        with tempfile.NamedTemporaryFile(suffix=".y4m") as file:
            file.write(lzma.open(path).read())
            file.flush()
            return frames_of(Path(file.name))
    with av.open(str(path)) as container:
        return [three_planes(f.reformat(format="yuv420p")) for f in container.decode(video=0)]


def coded(path: Path, frames, codec: str, crf: int, cache: Path | None) -> Coded:
    kept = cache / f"{path.stem}-{codec}-{crf}.pickle" if cache else None
    if kept and kept.exists():
        return pickle.loads(kept.read_bytes())  # of this script's own making
    result = through_codec(frames, codec, crf, PRESETS[CODEC[codec]])
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(result))
    return result


def errors(originals, frames) -> np.ndarray:
    squares = [
        [float(np.square(a.astype(np.int32) - b).sum()) for a, b in zip(x, y, strict=True)]
        for x, y in zip(originals, frames, strict=True)
    ]
    return np.array(squares).sum(0)


def points(originals, result: Coded, filter: Filter, codec: str, crf: int) -> dict[str, Point]:
    samples = np.array([sum(f[p].size for f in originals) for p in range(3)])
    size = sum(result.sizes)
    plain = errors(originals, result.frames)

    def point(extra: int, error: np.ndarray) -> Point:
        return Point(size + extra, (10 * np.log10(255**2 * samples / error)).tolist())

    def mended(f: Filter) -> np.ndarray:
        frames = [f.apply(*planes, crf, 1, codec) for planes in result.frames]
        return errors(originals, frames)

    scene = zip(originals, result.frames, [crf] * len(originals), strict=True)
    started = time.process_time()
    payload = fit(filter, scene, price(plain.sum(), 8 * size), 600.0, codec)
    seconds = time.process_time() - started
    found = {"plain": point(0, plain), "generic": point(MESSAGE, mended(filter.updated(b"")))}
    if payload is None:
        found["fitted"] = found["plain"]
    else:
        found["fitted"] = point(MESSAGE + len(payload), mended(filter.updated(payload)))
    kind = "off" if payload is None else f"{len(payload)} B"
    gain = [b - a for a, b in zip(found["plain"].psnr, found["fitted"].psnr, strict=True)]
    less = [b - a for a, b in zip(found["plain"].psnr, found["generic"].psnr, strict=True)]
    print(
        f"  {codec} crf {crf}: {size} B, {found['plain'].psnr[0]:.2f} dB; generic "
        + " ".join(f"{g:+.3f}" for g in less) + f"; fitted ({kind}, {seconds:.1f} s) "
        + " ".join(f"{g:+.3f}" for g in gain), flush=True,
    )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--filter", default="vf-restore")
    parser.add_argument("--codecs", default="libx264,libx265")
    parser.add_argument("--only", default="", help="names of clips, with commas")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    filter = load_filter(args.filter)
    only = [n for n in args.only.split(",") if n]
    clips = sorted(
        p for f in args.folder for p in f.iterdir() if p.suffix in (".mp4", ".mkv", ".y4m", ".xz")
    )
    rows = []
    for path in clips:
        if only and not any(path.name.startswith(n) for n in only):
            continue
        frames = frames_of(path)
        print(path.name, len(frames), "frames", flush=True)
        for codec in args.codecs.split(","):
            curves: dict[str, list[Point]] = {"plain": [], "generic": [], "fitted": []}
            for crf in CRFS:
                result = coded(path, frames, codec, crf, args.cache)
                for name, p in points(frames, result, filter, CODEC[codec], crf).items():
                    curves[name].append(p)
            row = {"clip": path.name, "codec": codec}
            for name in ("generic", "fitted"):
                for i, plane in enumerate("yuv"):
                    anchor, test = (
                        [(float(p.size), p.psnr[i]) for p in curves[n]] for n in ("plain", name)
                    )
                    row[f"{name}_{plane}"] = round(bd_rate(anchor, test, max_bpp=None), 2)
            print("  BD-rate", row, flush=True)
            rows.append(row)
    for codec in args.codecs.split(","):
        mine = [r for r in rows if r["codec"] == codec]
        keys = [k for k in mine[0] if "_" in k]
        print(codec, {k: round(float(np.mean([r[k] for r in mine])), 2) for k in keys})
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
