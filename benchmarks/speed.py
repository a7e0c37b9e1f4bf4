"""How fast pictures are coded: warm megapixels per second, the CLI as a process, peak memory.

    python benchmarks/speed.py [--picture FILE] [--threads 1 2] [--quality 20 50 80] [--effort 3]

Without --picture, a photograph of scikit-image is enlarged to 1920 x 1280.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pauca import create_model
from pauca.bench.machine import describe_machine
from pauca.image.codec import EncodeOptions, decode_image, encode_image
from pauca.metrics.psnr import psnr

SIZE = (1920, 1280)


def picture(path: Path | None) -> Image.Image:
    if path is not None:
        return Image.open(path).convert("RGB")
    from skimage import data

    return Image.fromarray(data.coffee()).resize(SIZE, Image.Resampling.BICUBIC)


def best(work: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def warm(image: Image.Image, threads: int, quality: float, effort: int, repeats: int) -> None:
    pixels = np.asarray(image)
    mega = pixels.shape[0] * pixels.shape[1] / 1e6
    pack = create_model("img-psnr")
    options = EncodeOptions(quality, effort, threads)
    stream = encode_image(pixels, pack, options)
    fidelity = psnr(decode_image(stream, threads=threads), pixels)
    encode = best(lambda: encode_image(pixels, pack, options), repeats)
    decode = best(lambda: decode_image(stream, threads=threads), repeats)
    print(
        f"{threads} threads, quality {quality:g}: {len(stream) * 8 / mega / 1e6:.3f} bpp, "
        f"{fidelity:.2f} dB, encode {mega / encode:.2f} MP/s, decode {mega / decode:.2f} MP/s"
    )


def process(image: Image.Image, repeats: int) -> None:
    """The command as a user runs it, on a crop of 768 x 512."""
    with tempfile.TemporaryDirectory() as folder:
        source, stream, out = (str(Path(folder) / name) for name in ("a.png", "a.pauca", "b.png"))
        image.crop((0, 0, 768, 512)).save(source)
        for name, args in (
            ("encode", ["encode", source, "-o", stream, "-f"]),
            ("decode", ["decode", stream, "-o", out, "-f"]),
        ):
            command = [sys.executable, "-m", "pauca", *args]
            seconds = best(lambda c=command: subprocess.run(c, check=True), repeats)  # type: ignore[misc]
            print(f"pauca {name} of 768 x 512 as a process: {seconds:.2f} s")
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of the commands: {children:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--quality", type=float, nargs="+", default=[20, 50, 80])
    parser.add_argument("--effort", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    image = picture(options.picture)
    machine = describe_machine()
    print(f"{machine.cpu}, {machine.cores} cores; picture {image.width} x {image.height}")
    process(image, options.repeats)
    for threads in options.threads:
        for quality in options.quality:
            warm(image, threads, quality, options.effort, options.repeats)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {own:.0f} MB")


if __name__ == "__main__":
    main()
