"""Rate-distortion curves: averaged from measurements or published, and compared by BD-rate.

As the field reports Kodak: a point of a curve is the mean bpp, mean PSNR and mean MS-SSIM over
the pictures at one setting; MS-SSIM becomes decibels, -10 log10(1 - x), after the mean.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pauca.bench.image import Measurement
from pauca.errors import InputError
from pauca.metrics.bdrate import bd_rate
from pauca.metrics.ssim import ms_ssim_db

Metric = Literal["psnr", "ms_ssim"]
METRICS: tuple[Metric, ...] = ("psnr", "ms_ssim")


@dataclass(frozen=True)
class Point:
    """One setting of a codec averaged over the pictures; what a source does not tell is None."""

    bpp: float
    psnr: float | None
    ms_ssim: float | None
    quality: float | None = None
    encode_s: float | None = None
    decode_s: float | None = None


@dataclass(frozen=True)
class Curve:
    """A codec's points, measured here or published elsewhere."""

    name: str
    points: tuple[Point, ...]
    published: bool = False

    def pairs(self, metric: Metric) -> list[tuple[float, float]]:
        """(bpp, dB) of the points that have this metric; of equal dB only the smallest rate."""
        best: dict[float, float] = {}
        for point in self.points:
            value = point.psnr if metric == "psnr" else _decibels(point.ms_ssim)
            if value is not None and math.isfinite(value):
                best[value] = min(point.bpp, best.get(value, math.inf))
        return sorted((bpp, value) for value, bpp in best.items())


@dataclass(frozen=True)
class Delta:
    """BD-rate of `codec` against `reference`, percent; None where the curves do not meet."""

    codec: str
    reference: str
    metric: Metric
    percent: float | None


def average(measurements: Sequence[Measurement]) -> list[Curve]:
    """One curve per codec, one point per quality: means over the pictures, in measured order."""
    groups: dict[str, dict[float, list[Measurement]]] = {}
    for m in measurements:
        groups.setdefault(m.codec, {}).setdefault(m.quality, []).append(m)
    return [
        Curve(name, tuple(_mean(quality, group) for quality, group in by_quality.items()))
        for name, by_quality in groups.items()
    ]


def _mean(quality: float, group: Sequence[Measurement]) -> Point:
    def mean(values: Iterable[float]) -> float:
        return math.fsum(values) / len(group)

    return Point(
        bpp=mean(m.bpp for m in group),
        psnr=mean(m.psnr for m in group),
        ms_ssim=mean(m.ms_ssim for m in group),
        quality=quality,
        encode_s=mean(m.encode_s for m in group),
        decode_s=mean(m.decode_s for m in group),
    )


def load_curves(path: Path, names: Sequence[str] = ()) -> list[Curve]:
    """Published curves of a JSON file `{name: [{"bpp", "psnr"?, "ms_ssim"?}, ...]}`.

    `names` selects some, in that order; keys that start with `_` are remarks. Raises `InputError`.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        curves = {
            name: Curve(name, tuple(_point(row) for row in rows), published=True)
            for name, rows in table.items()
            if not name.startswith("_")
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a file of published curves: {error!r}") from error
    unknown = [name for name in names if name not in curves]
    if unknown:
        raise InputError(f"{path} has no curve {', '.join(unknown)}")
    return [curves[name] for name in names or curves]


def _point(row: dict[str, float | None]) -> Point:
    def number(key: str) -> float | None:
        value = row.get(key)
        return None if value is None else float(value)

    bpp = number("bpp")
    if bpp is None or not 0 < bpp < math.inf:
        raise ValueError(f"a point at {bpp} bpp")
    return Point(bpp, number("psnr"), number("ms_ssim"))


def compare(
    curves: Sequence[Curve], references: Sequence[str], max_bpp: float | None
) -> list[Delta]:
    """BD-rate of every curve against each reference (by name), by PSNR and by MS-SSIM."""
    by_name = {curve.name: curve for curve in curves}
    unknown = [name for name in references if name not in by_name]
    if unknown:
        raise InputError(f"no curve {', '.join(unknown)} to compare with")
    return [
        Delta(curve.name, name, metric, _delta(by_name[name], curve, metric, max_bpp))
        for metric in METRICS
        for curve in curves
        for name in references
    ]


def _delta(anchor: Curve, test: Curve, metric: Metric, max_bpp: float | None) -> float | None:
    anchor_pairs, test_pairs = anchor.pairs(metric), test.pairs(metric)
    if min(len(anchor_pairs), len(test_pairs)) < 2:
        return None
    percent = bd_rate(anchor_pairs, test_pairs, max_bpp=max_bpp)
    return None if math.isnan(percent) else percent


def _decibels(value: float | None) -> float | None:
    return None if value is None else ms_ssim_db(value)
