"""Which blocks and pictures of folders are taken for graphics, and how long that takes.

    python benchmarks/scenes/measure.py --photos data/kodak --graphics FOLDER

Pictures with transparency are laid on white. Pictures smaller than 64 x 64 are left out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pauca.errors import PaucaError
from pauca.image.scenes.classify import scores, settle
from pauca.image.scenes.features import block_features
from pauca.pixels.folders import find_pictures


def read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        if image.mode in ("L", "1", "I", "I;16"):
            return np.asarray(image.convert("L"))
        image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return np.asarray(white.convert("RGB"))


def verdict(name: str, path: Path, verbose: bool) -> tuple[int, int, int, str, float, float]:
    """Blocks said to be graphics, to be photographs, of one colour; what the picture is taken for;
    seconds of one core and megapixels.
    """
    pixels = read(path)
    start = time.process_time()
    features, plain = block_features(pixels)
    drawn = scores(features) > 0
    blocks = settle(drawn, plain)
    seconds = time.process_time() - start
    said = "photo" if blocks is None else "graphics" if blocks.all() else "mixed"
    counts = [int(np.count_nonzero(part)) for part in (drawn & ~plain, ~drawn & ~plain, plain)]
    if verbose:
        share = 0 if blocks is None else blocks.mean()
        print(f"{name} {path.name} {pixels.shape}: {counts}, {said}, {100 * share:.0f} %")
    return counts[0], counts[1], counts[2], said, seconds, pixels.shape[0] * pixels.shape[1] / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, nargs="+", default=[])
    parser.add_argument("--graphics", type=Path, nargs="+", default=[])
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    for name, folders in (("photos", options.photos), ("graphics", options.graphics)):
        for folder in folders:
            found = []
            for path in [folder] if folder.is_file() else find_pictures([folder]):
                try:
                    with Image.open(path) as image:
                        if min(image.size) < 64:
                            continue
                    found.append(verdict(name, path, options.verbose))
                except (OSError, PaucaError) as error:
                    print(f"{path}: {error}")
            drawn, photo, plain = (sum(f[i] for f in found) for i in range(3))
            kinds = {
                kind: sum(f[3] == kind for f in found) for kind in ("photo", "mixed", "graphics")
            }
            speed = 1e3 * sum(f[4] for f in found) / max(1e-9, sum(f[5] for f in found))
            print(
                f"{name} {folder.name}: {len(found)} pictures {kinds}; blocks: {drawn} graphics, "
                f"{photo} photo, {plain} of one colour; {speed:.1f} ms/MP"
            )


if __name__ == "__main__":
    main()
