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
from pauca._core import network_kernels
from pauca.bench.machine import describe_machine
from pauca.image.codec import decode_image, encode_image
from pauca.image.coded import EncodeOptions
from pauca.image.coder import PARTS
from pauca.image.layout import LEVELS
from pauca.image.networks import SHARED_FROM
from pauca.metrics.psnr import psnr
from pauca.pack.engine import Engine
from pauca.pack.image import ImagePack

SIZE = (1920, 1280)
# 8-bit products of a core that can begin in a cycle: Intel's servers since 2019, 2023 for AMX.
MACS_PER_CYCLE = {"scalar": 1, "avx2": 32, "vnni": 128, "amx": 1024}


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


def macs_per_pixel(pack: ImagePack) -> dict[str, float]:
    """Multiply-accumulates that the networks spend on a pixel."""

    def cost(name: str) -> float:
        return Engine(pack.programs[name], pack.layers, 1).macs if name in pack.programs else 0.0

    context = last = filters = 0.0
    for level in range(1, LEVELS + 1):
        cells = 4.0 ** -(level + 1)
        name = min(level, SHARED_FROM)
        context += cells * sum(cost(f"l{name}.{part}") for part in PARTS)
        filters += cells * cost("post" if level == 1 else f"m{name}")
    last = cost("l1.d") / 16 + cost("post") / 16  # no symbol depends on these
    return {"encode": context + filters - last, "decode": context + filters}


def clock() -> float:
    """Cycles a second of a core, as /proc/cpuinfo has it now; 0 where it does not say."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return max((1e6 * float(line.split(":")[1]) for line in lines if "MHz" in line), default=0.0)


def engine_table(pack: ImagePack, rates: dict[tuple[str, int], float], per_cycle: float) -> None:
    """Print products a second of the networks, were all the time theirs, and their share of what
    the cores could do.
    """
    macs = macs_per_pixel(pack)
    for (verb, threads), rate in rates.items():
        done = macs[verb] * rate * 1e6
        peak = per_cycle * clock() * threads
        share = f", {100 * done / peak:.0f} % of {peak / 1e9:.0f}" if peak else ""
        print(
            f"{verb}, {threads} threads: {rate:.2f} MP/s, {macs[verb]:.0f} MAC a pixel, "
            f"{done / 1e9:.0f} GMAC/s{share}"
        )


def warm(
    image: Image.Image, threads: int, quality: float, effort: int, repeats: int
) -> tuple[float, float]:
    """Print and return megapixels a second of encoding and decoding."""
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
    return mega / encode, mega / decode


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
    parser.add_argument("--macs-per-cycle", type=float, help="of a core; Zen 4: 64")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    image = picture(options.picture)
    machine = describe_machine()
    print(f"{machine.cpu}, {machine.cores} cores; picture {image.width} x {image.height}")
    process(image, options.repeats)
    rates: dict[tuple[str, int], float] = {}
    for threads in options.threads:
        for quality in options.quality:
            found = warm(image, threads, quality, options.effort, options.repeats)
            for verb, rate in zip(("encode", "decode"), found, strict=True):
                rates[verb, threads] = max(rate, rates.get((verb, threads), 0.0))
    kernel = network_kernels()[-1]
    per_cycle = options.macs_per_cycle or MACS_PER_CYCLE[kernel]
    print(f"kernel {kernel}, {per_cycle:g} MAC a cycle at {clock() / 1e6:.0f} MHz")
    engine_table(create_model("img-psnr"), rates, per_cycle)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {own:.0f} MB")


if __name__ == "__main__":
    main()
