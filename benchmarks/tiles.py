"""What a map of qualities saves where every tile of 64 x 64 has to reach a PSNR.

    python benchmarks/tiles.py --data kodak --goals 28,32,36

For every picture the smallest stream of one quality whose worst tile reaches the goal, and the
stream of `--min-tile-psnr`. Pictures that cannot reach it are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import pauca
from pauca.bench.image import read_rgb
from pauca.errors import InputError
from pauca.image.codec import PictureEncoder
from pauca.image.coded import EncodeOptions
from pauca.image.targets import LIKENESS, Target, Trials, crossing
from pauca.pixels.folders import find_pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--goals", default="28,32,36")
    options = parser.parse_args()
    pack = pauca.create_model("img-psnr")
    print("| worst tile, dB | pictures | one quality, bytes | by blocks | saved | least | most |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for goal in map(float, options.goals.split(",")):
        pairs = []
        for path in find_pictures([options.data]):
            pixels = read_rgb(path)
            encoder = PictureEncoder(pixels, pack, EncodeOptions())
            trials = Trials(encoder, Target(min_tile_psnr=goal), (), None)
            crossing(trials.attempt, goal, LIKENESS["min_tile_psnr"].curve)
            try:
                stream = pauca.encode(pixels, min_tile_psnr=goal, fidelity=False, content="photo")
            except InputError:
                continue
            alike = [t.bytes for t in trials.made.values() if t.figure >= goal]
            pairs.append((min(alike), len(stream)))
        one, by_blocks = np.sum(pairs, 0)
        saved = [100 * (1 - b / a) for a, b in pairs]
        print(
            f"| {goal:g} | {len(pairs)} | {one} | {by_blocks} | {100 * (1 - by_blocks / one):.1f} %"
            f" | {min(saved):.1f} % | {max(saved):.1f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main()
