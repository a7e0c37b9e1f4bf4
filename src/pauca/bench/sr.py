"""The super-resolution bench: reduce pictures as everyone does, enlarge them again, compare.

Protocol of the field: uint8 RGB reduced by MATLAB's bicubic, PSNR and SSIM of BT.601 luma
(16..235), a border of `scale` pixels left out; each method gives 8-bit RGB.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.bench.machine import Machine, describe_machine
from pauca.bench.report import Table, json_bytes
from pauca.bench.sheet import Tile, draw_sheet
from pauca.bench.sr_coded import CodedRow, coded_tables, run_coded
from pauca.bench.sr_look import ORIGINAL, LookRow, Measure, find_measure, look_tables
from pauca.bench.sr_methods import HEIGHT, WIDTH, Method
from pauca.errors import InputError, naming
from pauca.metrics.ssim import ssim
from pauca.nn.passes.timing import best_ms
from pauca.pixels.files import read_image
from pauca.pixels.resize import resize_bicubic
from pauca.pixels.ycc601 import luma601

FORMAT = "pauca-bench-sr/1"
SUFFIXES = (".png", ".bmp", ".webp", ".jpg", ".jpeg", ".tif", ".ppm")
SECONDS = 1.5  # for the time of each method
CROP = 96  # side of the pieces on the sheet, in pixels of the large picture

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class SrRow:
    """A method over a folder: means over its pictures."""

    folder: str
    method: str
    pictures: int
    psnr_y: float
    ssim_y: float


@dataclass(frozen=True)
class SrCost:
    """A method's network: operations and time for a frame of 640 x 360, one line for all folders.

    `milliseconds` is the best of many; it is the luma network with its interpolation, or the filter
    on luma.
    """

    method: str
    gmacs: float
    parameters: int
    file_bytes: int
    milliseconds: float
    fps: float


@dataclass(frozen=True)
class SrReport:
    """Everything one run found."""

    command: str
    date: str
    machine: Machine
    scale: int
    threads: int
    rows: tuple[SrRow, ...]
    looks: tuple[LookRow, ...]
    coded: tuple[CodedRow, ...]
    costs: tuple[SrCost, ...]


def load_folder(folder: Path, scale: int) -> list[tuple[str, Pixels]]:
    """Pictures of a folder as RGB, cropped to multiples of the scale; grey ones become RGB."""
    if not folder.is_dir():
        raise InputError(f"no folder {folder}")
    found = []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES):
        with naming(path):
            pixels = read_image(path)
        rgb = np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels
        h, w = (side // scale * scale for side in rgb.shape[:2])
        if min(h, w) >= 16 * scale:
            found.append((path.stem, np.ascontiguousarray(rgb[:h, :w])))
    if not found:
        raise InputError(f"no pictures in {folder}")
    return found


def compare(large: Pixels, found: Pixels, scale: int) -> tuple[float, float]:
    """PSNR and SSIM of luma, `scale` pixels of border left out."""
    a, b = (luma601(x)[scale:-scale, scale:-scale] for x in (large, found))
    error = np.square(a.astype(np.float64) - b).mean()
    psnr = float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
    return psnr, ssim(a, b)


def run(
    folders: Sequence[Path],
    methods: Sequence[Method],
    scale: int,
    threads: int,
    command: str,
    say: Callable[[str], None] = lambda text: None,
    clips: Path | None = None,
    crfs: Sequence[float] = (),
    look_measure: str | None = None,
) -> tuple[SrReport, bytes]:
    """Measure everything; returns the report and a sheet of crops, PNG."""
    measure = find_measure(look_measure) if look_measure else None
    coded = tuple(run_coded(clips, methods, scale, crfs, say)) if clips else ()
    rows: list[SrRow] = []
    looks: list[LookRow] = []
    sheet: list[list[Tile]] = []
    for folder in folders:
        found, values, tiles = _folder(folder, methods, scale, measure, say)
        rows += found
        looks += [LookRow(folder.name, *pair, look_measure or "") for pair in values.items()]
        sheet.append(tiles)
    say("times")
    costs = tuple(_cost(method) for method in methods)
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    machine = describe_machine()
    report = SrReport(
        command, date, machine, scale, threads, tuple(rows), tuple(looks), coded, costs
    )
    return report, draw_sheet(sheet) if sheet else b""


def _folder(
    folder: Path,
    methods: Sequence[Method],
    scale: int,
    measure: Measure | None,
    say: Callable[[str], None],
) -> tuple[list[SrRow], dict[str, float], list[Tile]]:
    """A folder's rows, the mean of `measure` by method and of the originals, and its tiles."""
    pictures = load_folder(folder, scale)
    small = [_reduced(rgb, scale) for _, rgb in pictures]
    name, first = pictures[0]
    tiles = [_tile(ORIGINAL, first, first, name)]
    looks = {ORIGINAL: float(np.mean([measure(rgb) for _, rgb in pictures]))} if measure else {}
    rows = []
    for method in methods:
        say(f"{folder.name}: {method.name}")
        found = [method.picture(reduced) for reduced in small]
        values = [compare(rgb, f, scale) for (_, rgb), f in zip(pictures, found, strict=True)]
        line = f"{values[0][0]:.2f} dB, SSIM {values[0][1]:.4f}"
        tiles.append(_tile(method.name, first, found[0], line))
        psnr, similarity = (float(np.mean(column)) for column in zip(*values, strict=True))
        rows.append(SrRow(folder.name, method.name, len(pictures), psnr, similarity))
        if measure:
            looks[method.name] = float(np.mean([measure(f) for f in found]))
    return rows, looks, tiles


def _cost(method: Method) -> SrCost:
    best = best_ms(method.frame, SECONDS)
    return SrCost(
        method.name, method.macs / 1e9, method.parameters, method.file_bytes, best, 1000 / best
    )


def _reduced(rgb: Pixels, scale: int) -> Pixels:
    small = resize_bicubic(rgb, rgb.shape[0] // scale, rgb.shape[1] // scale)
    return small.astype(np.uint8, copy=False)


def _tile(title: str, original: Pixels, found: Pixels, line: str) -> Tile:
    """The piece of `found` where the original has most detail."""
    grey = luma601(original)
    side = min(CROP, *grey.shape)
    detail = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    total = np.pad(detail, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    sums = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    if sums.size == 0:
        return Tile(title, (line,), found[:side, :side])
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return Tile(title, (line,), found[top : top + side, left : left + side])


def to_json(report: SrReport) -> bytes:
    """The whole report as UTF-8 JSON."""
    return json_bytes({"format": FORMAT} | asdict(report))


def tables(report: SrReport) -> list[Table]:
    """Quality by folder, and cost by method."""
    folders = list(dict.fromkeys(row.folder for row in report.rows))
    head = ("PSNR-Y dB / SSIM-Y", *(f"{name}" for name in folders))
    methods = list(dict.fromkeys(row.method for row in report.rows))
    found: dict[tuple[str, str], Any] = {(row.method, row.folder): row for row in report.rows}
    quality = tuple(
        (
            method,
            *(
                f"{found[method, folder].psnr_y:.3f} / {found[method, folder].ssim_y:.4f}"
                for folder in folders
            ),
        )
        for method in methods
    )
    costs = tuple(
        (
            cost.method,
            f"{cost.gmacs:.3f}" if cost.gmacs else "-",
            f"{cost.parameters}" if cost.parameters else "-",
            f"{cost.file_bytes / 1000:.1f}" if cost.file_bytes else "-",
            f"{cost.milliseconds:.2f}",
            f"{cost.fps:.1f}",
        )
        for cost in report.costs
    )
    size = f"{WIDTH} x {HEIGHT}, x{report.scale}, {report.threads} threads"
    cost_head = ("method", "GMAC a frame", "parameters", "kB on disk", "ms", "fps")
    means = [Table(f"x{report.scale}: mean over each folder", head, (quality,))] if quality else []
    return [
        *means,
        *look_tables(report.looks, report.scale),
        *coded_tables(report.coded, report.scale),
        Table(f"Cost: {size}", cost_head, (costs,)),
    ]


def facts(report: SrReport) -> list[tuple[str, str]]:
    """What must stand beside the numbers."""
    return [
        ("command", report.command),
        ("date", report.date),
        *report.machine.facts(),
        ("protocol", " ".join((__doc__ or "").split("\n\n")[1].split())),
    ]
