"""Peak memory of the command on large pictures: the high-water mark of the process itself.

    python benchmarks/memory.py [--size 4096 16384] [--tile 0] [--threads 2]

The picture is a mosaic of the photographs of scikit-image.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pauca.pixels.png import write_png

# Not getrusage, whose peak begins with that of the process that forked.
RUN = """
import resource, sys, time
from pauca.cli.main import main
start = time.perf_counter()
code = main(sys.argv[1:])
peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
used = resource.getrusage(resource.RUSAGE_SELF)
print(f"{int(peak) / 1024:.0f} MiB, {time.perf_counter() - start:.1f} s, "
      f"processor {used.ru_utime + used.ru_stime:.1f} s", file=sys.stderr)
sys.exit(code)
"""


def mosaic(side: int, top: int, rows: int) -> NDArray[np.uint8]:
    """Rows of a picture of `side` columns; every photograph is cut to 256 rows."""
    from skimage import data

    photos = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket(), data.retina()]
    out = []
    for band in range(top // 256, (top + rows) // 256):
        order = np.roll(np.arange(len(photos)), band)
        strip = np.concatenate([photos[i][band % 40 : band % 40 + 256] for i in order], 1)
        strip = np.roll(strip, 97 * band, 1)
        out.append(np.tile(strip, (1, -(-side // strip.shape[1]), 1))[:, :side])
    return np.concatenate(out)


def run(*args: str) -> None:
    done = subprocess.run([sys.executable, "-c", RUN, *args], capture_output=True, check=True)
    print(" ".join(args[:1]), done.stderr.decode().strip().replace("\n", "; "), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs="+", default=[4096], help="multiples of 256")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quality", type=float, default=50)
    options = parser.parse_args()
    tile = [] if options.tile is None else ["--tile", str(options.tile)]
    threads = ["-j", str(options.threads), "-f"]
    for side in options.size:
        with tempfile.TemporaryDirectory() as folder:
            source, stream, out = (str(Path(folder) / n) for n in ("a.png", "a.pauca", "b.png"))
            with open(source, "wb") as file:
                parts = (mosaic(side, top, 256) for top in range(0, side, 256))
                write_png(file, parts, (side, side, 3))
            print(f"{side} x {side}", flush=True)
            quality = ["-q", str(options.quality)]
            run("encode", source, "-o", stream, *quality, *tile, *threads)
            run("decode", stream, "-o", out, *threads)
            run("decode", stream, "-o", out, "--scale", "8", *threads)
            middle = f"{side // 2},{side // 2},800,600"
            run("decode", stream, "-o", out, "--region", middle, *threads)
            Image.MAX_IMAGE_PIXELS = None
            with Image.open(out) as image:
                assert image.size == (800, 600)


if __name__ == "__main__":
    main()
