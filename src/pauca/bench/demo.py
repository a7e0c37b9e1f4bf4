"""`python -m pauca.bench.demo`: one photograph, three rates, peers at the same number of bytes."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pauca.bench.codecs import Codec, Pixels, encode_within, find_codec, parse_pauca
from pauca.bench.image import Measurement, measure_coded, read_rgb
from pauca.bench.report import Table, print_table
from pauca.bench.sheet import Tile, draw_sheet
from pauca.container.files import atomic_write
from pauca.errors import InputError, MissingExtraError, PaucaError

# Photographs inside scikit-image's wheel, with the top left of the part worth looking at.
PHOTOS = {"astronaut": (20, 140), "coffee": (110, 230), "chelsea": (40, 110), "rocket": (200, 230)}
PEERS = ("jpeg", "webp", "avif")
CROP = 176


@dataclass(frozen=True)
class Coded:
    """One codec's file for the photograph, what it decodes to, and how good that is."""

    measured: Measurement
    file: bytes
    pixels: Pixels


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code, 1 with one line on stderr where something is missing."""
    parser = argparse.ArgumentParser(prog="python -m pauca.bench.demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder to write to")
    parser.add_argument("--photo", choices=PHOTOS, default="astronaut")
    parser.add_argument("--picture", type=Path, help="a picture of your own instead")
    parser.add_argument("--codec", default="pauca", help="pauca[:PACK[@EFFORT]]")
    parser.add_argument("--qualities", type=float, nargs="+", default=[15, 35, 60])
    options = parser.parse_args(arguments)
    try:
        parse_pauca(options.codec)
        if options.picture:
            name, pixels = options.picture.stem, read_rgb(options.picture)
            corner = tuple(max(0, side - CROP) // 2 for side in pixels.shape[:2])
        else:
            name, pixels = options.photo, load_photo(options.photo)
            corner = PHOTOS[options.photo]
        run(options.out, name, pixels, corner, find_codec(options.codec), options.qualities)
    except PaucaError as error:
        print(f"pauca: error: {error}", file=sys.stderr)
        return 1
    return 0


def load_photo(name: str) -> Pixels:
    """One of `PHOTOS`, uint8 (H, W, 3), read from the installed scikit-image."""
    try:
        from skimage import data
    except ImportError as error:
        raise MissingExtraError(
            'the demo needs scikit-image: pip install "pauca[bench]"'
        ) from error
    return np.asarray(getattr(data, name)(), np.uint8)


def run(
    out: Path,
    name: str,
    pixels: Pixels,
    corner: tuple[int, ...],
    codec: Codec,
    qualities: Sequence[float],
) -> None:
    """Code, compare and print; write streams, decoded pictures and the sheet into `out`.

    Files of an earlier run are replaced. `corner` is the (row, column) of the part shown.
    """
    from rich.console import Console

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder {out}: {error.strerror}") from error
    height, width = pixels.shape[:2]
    print(f"{name}: {width} x {height}, {pixels.nbytes} bytes raw; peers at our number of bytes")
    peers = _installed(PEERS)
    rows = [_row(codec, peers, name, pixels, quality) for quality in qualities]
    print_table(_table(rows), Console(width=100))
    for quality, row in zip(qualities, rows, strict=True):
        atomic_write(out / f"{name}-q{quality:g}.pauca", row[0].file, force=True)
    sheet = out / f"{name}.png"
    atomic_write(sheet, draw_sheet(_tiles(pixels, rows, corner)), force=True)
    print(f"side by side: {sheet}; streams beside it, for `pauca info` and `pauca decode`")


def _installed(names: Sequence[str]) -> list[Codec]:
    found = []
    for name in names:
        try:
            found.append(find_codec(name))
        except MissingExtraError as error:
            print(f"left out: {error}")
    return found


def _row(
    codec: Codec, peers: Sequence[Codec], name: str, pixels: Pixels, quality: float
) -> list[Coded]:
    ours = Coded(*measure_coded(codec, name, pixels, quality))
    row = [ours]
    for peer in peers:
        fitting, _ = encode_within(peer, pixels, len(ours.file))
        row.append(Coded(*measure_coded(peer, name, pixels, fitting)))
    return row


def _table(rows: Sequence[Sequence[Coded]]) -> Table:
    head = ("codec", "quality", "bytes", "bpp", "PSNR", "MS-SSIM", "encode s", "decode s")
    groups = (tuple(_cells(coded.measured) for coded in row) for row in rows)
    return Table("At equal bytes", head, tuple(groups))


def _cells(m: Measurement) -> tuple[str, ...]:
    distortion = f"{m.psnr:.2f}", f"{m.ms_ssim:.4f}"
    seconds = f"{m.encode_s:.3f}", f"{m.decode_s:.3f}"
    return m.codec, f"{m.quality:g}", str(m.bytes), f"{m.bpp:.3f}", *distortion, *seconds


def _tiles(
    pixels: Pixels, rows: Sequence[Sequence[Coded]], corner: tuple[int, ...]
) -> list[list[Tile]]:
    y, x = corner
    crop = slice(y, y + CROP), slice(x, x + CROP)
    size = f"{pixels.nbytes:,} bytes, 24 bpp"
    original = Tile("original", (size, ""), pixels[crop])
    return [[original, *(_tile(coded, crop, row[0]) for coded in row)] for row in rows]


def _tile(coded: Coded, crop: tuple[slice, slice], ours: Coded) -> Tile:
    m = coded.measured
    # A peer that cannot get that small is shown at its smallest, and says so.
    over = " (its smallest)" if m.bytes > ours.measured.bytes else ""
    lines = (
        f"{m.bytes:,} bytes, {m.bpp:.3f} bpp{over}",
        f"PSNR {m.psnr:.2f} dB, MS-SSIM {m.ms_ssim:.4f}",
    )
    return Tile(f"{m.codec}, quality {m.quality:g}", lines, coded.pixels[crop])


if __name__ == "__main__":
    sys.exit(main())
