"""Rate and distortion of picture codecs over a folder of pictures.

Conventions of the field (as CompressAI and the papers report Kodak): every picture counts as RGB;
bpp, PSNR and MS-SSIM are measured per picture, and `curves.py` averages them over the pictures.
"""

import functools
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from pauca.bench.codecs import Codec, Pixels, find_codec
from pauca.errors import InputError
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim
from pauca.pixels.files import read_image

SUFFIXES = frozenset(".png .ppm .pgm .bmp .tif .tiff .jpg .jpeg .webp .avif".split())


@dataclass(frozen=True)
class Measurement:
    """One picture at one setting of one codec; PSNR in dB, times in wall seconds."""

    codec: str
    quality: float
    picture: str
    width: int
    height: int
    bytes: int
    bpp: float
    psnr: float
    ms_ssim: float
    encode_s: float
    decode_s: float


@dataclass(frozen=True)
class Data:
    """The pictures measured; `sha256` is of their files in order of name."""

    folder: str
    pictures: int
    pixels: int
    sha256: str


def list_pictures(folder: Path) -> list[Path]:
    """Picture files directly in `folder`, by name; `InputError` where there are none."""
    if not folder.is_dir():
        raise InputError(f"no folder {folder}")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise InputError(f"no pictures in {folder}")
    return found


def describe_data(pictures: Sequence[Path]) -> Data:
    """Count and fingerprint the pictures, so that two results can be known to share them."""
    digest, pixels = hashlib.sha256(), 0
    for path in pictures:
        digest.update(path.read_bytes())
        height, width = read_rgb(path).shape[:2]
        pixels += height * width
    return Data(pictures[0].absolute().parent.name, len(pictures), pixels, digest.hexdigest())


def read_rgb(path: Path) -> Pixels:
    """Pixels of a picture file, uint8 (H, W, 3); grey is repeated on the three channels."""
    pixels = read_image(path)
    return np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels


def measure(
    codec: Codec, picture: str, pixels: Pixels, qualities: Iterable[float]
) -> list[Measurement]:
    """Code one picture, uint8 (H, W, 3), at each quality and compare what comes back."""
    return [measure_coded(codec, picture, pixels, quality)[0] for quality in qualities]


def measure_coded(
    codec: Codec, picture: str, pixels: Pixels, quality: float
) -> tuple[Measurement, bytes, Pixels]:
    """One setting of `measure`, with the coded file and the decoded pixels."""
    _warm_up(codec)
    start = time.perf_counter()
    data = codec.encode(pixels, quality)
    encoded = time.perf_counter()
    decoded = codec.decode(data)
    end = time.perf_counter()
    height, width = pixels.shape[:2]
    measurement = Measurement(
        codec=codec.name,
        quality=quality,
        picture=picture,
        width=width,
        height=height,
        bytes=len(data),
        bpp=8 * len(data) / (height * width),
        psnr=psnr(pixels, decoded),
        ms_ssim=ms_ssim(pixels, decoded),
        encode_s=encoded - start,
        decode_s=end - encoded,
    )
    return measurement, data, decoded


@functools.cache
def _warm_up(codec: Codec) -> None:
    # The first call of a library loads it, which is no part of a picture's time.
    codec.decode(codec.encode(np.zeros((64, 64, 3), np.uint8), codec.qualities[0]))


def measure_folder(
    pictures: Sequence[Path],
    settings: dict[str, tuple[float, ...]],
    jobs: int = 1,
    on_done: Callable[[], None] = lambda: None,
) -> list[Measurement]:
    """Measure every codec of `settings` (name -> qualities) on every picture.

    `jobs` processes share the work; times are fair only with one. `on_done` is called after
    each pair of codec and picture. The order is that of codecs, pictures, qualities.
    """
    tasks = [
        functools.partial(_task, name, path, qualities)
        for name, qualities in settings.items()
        for path in pictures
    ]
    return [measurement for result in _run(tasks, jobs, on_done) for measurement in result]


Task = Callable[[], list[Measurement]]


def _task(name: str, path: Path, qualities: tuple[float, ...]) -> list[Measurement]:
    return measure(find_codec(name), path.stem, read_rgb(path), qualities)


def _run(
    tasks: Sequence[Task], jobs: int, on_done: Callable[[], None]
) -> Iterator[list[Measurement]]:
    """Results in the order of the tasks, whatever order they end in."""
    if jobs == 1:
        for task in tasks:
            yield task()
            on_done()
        return
    # Forking a process that runs threads (ours do, in the runtimes) can deadlock: spawn.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures: list[Future[list[Measurement]]] = [pool.submit(task) for task in tasks]
        try:
            for future in as_completed(futures):
                future.result()
                on_done()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        yield from (future.result() for future in futures)
