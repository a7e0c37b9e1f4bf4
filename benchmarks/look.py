"""The two looks of one stream against AVIF at equal bytes, at low rates.

    pip install pypiqe
    python benchmarks/look.py --data kodak --qualities 14,20,26 --crops look.png

VMAF is that of the picture as a video of one frame, 4:2:0; PIQE (Venkatanath et al., 2015, by
PyPI's `pypiqe`) looks at a picture alone, the lower the better; "texture" is the mean distance of
the logarithms of local energies of wavelet bands from the original's, which the look learned by.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import pauca
from pauca.bench.codecs import encode_within, find_codec
from pauca.bench.image import read_rgb
from pauca.bench.sheet import Tile, draw_sheet
from pauca.container.files import atomic_write
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim
from pauca.metrics.vmaf import vmaf
from pauca.nets.colour import to_ycc
from pauca.nets.look import texture_distance
from pauca.pixels.folders import find_pictures
from pauca.streams.library import load_av
from pauca.streams.source import Traits
from pauca.video.write import Y4m

CROP = 160
MEASURES = ("PSNR", "MS-SSIM", "VMAF", "PIQE", "texture")

Pixels = NDArray[np.uint8]


def as_video(pixels: Pixels, path: Path) -> Path:
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    av = load_av()
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]))
    with path.open("wb") as file:
        writer = Y4m(file, Traits(width, height, Fraction(25), Fraction(1, 25)), "yuv420p")
        writer.frame(frame.reformat(format="yuv420p"))
    return path


def measure(original: Pixels, found: Pixels, alone: Callable[[Pixels], float]) -> list[float]:
    with tempfile.TemporaryDirectory() as temp:
        films = [as_video(p, Path(temp) / f"{i}.y4m") for i, p in enumerate((original, found))]
        seen = vmaf(*films)
    rgb = (torch.from_numpy(p.transpose(2, 0, 1).copy())[None].float() for p in (original, found))
    texture = float(texture_distance(*(to_ycc(p)[:, :1] for p in rgb)))
    return [psnr(original, found), ms_ssim(original, found), seen, alone(found), texture]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--qualities", default="14,20,26")
    parser.add_argument("--pack", type=Path, action="append", default=[], help="look of your own")
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--shown", type=int, default=3, help="pictures on the sheet")
    options = parser.parse_args()
    from pypiqe import piqe

    def alone(pixels: Pixels) -> float:
        return float(piqe(np.ascontiguousarray(pixels[..., ::-1]))[0])  # it takes BGR

    avif = find_codec("avif")
    print("| quality | bpp | picture | " + " | ".join(MEASURES) + " |")
    print("|---:|---:|---|" + "---:|" * len(MEASURES))
    sheet: list[list[Tile]] = []
    for quality in map(float, options.qualities.split(",")):
        rows: dict[str, list[list[float]]] = {}
        rates = []
        for number, path in enumerate(find_pictures([options.data])):
            pixels = read_rgb(path)
            stream = pauca.encode(pixels, quality=quality)
            rates.append(8 * len(stream) / pixels[..., 0].size)
            _, file = encode_within(avif, pixels, len(stream))
            found = {
                look: pauca.decode(stream, look=look, packs=options.pack)
                for look in ("faithful", "natural")
            } | {"avif": avif.decode(file)}
            top, left = ((side - CROP) // 2 for side in pixels.shape[:2])
            crop = (slice(top, top + CROP), slice(left, left + CROP))
            tiles = [Tile("original", (path.stem,), pixels[crop])]
            for name, picture in {"original": pixels, **found}.items():
                values = measure(pixels, picture, alone)
                rows.setdefault(name, []).append(values)
                if name != "original":
                    line = f"VMAF {values[2]:.1f}, PSNR {values[0]:.2f}"
                    tiles.append(Tile(name, (line,), picture[crop]))
            if number < options.shown:
                sheet.append(tiles)
        for name, values in rows.items():
            means = np.mean(values, 0)
            cells = " | ".join(f"{v:.3f}" for v in means)
            print(f"| {quality:g} | {np.mean(rates):.3f} | {name} | {cells} |", flush=True)
    if options.crops:
        atomic_write(options.crops, draw_sheet(sheet), force=True)


if __name__ == "__main__":
    main()
