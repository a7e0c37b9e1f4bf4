"""The quality that a target asks for: a size not to be passed, or a likeness to be reached.

Size is nearly exponential in the quality code and PSNR nearly linear, so a secant finds the code
in a few trials. Every trial is a stream as it would be written, and the search ends between two
neighbouring codes that were both tried: nothing is taken from the curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from pauca.container.chunks import Chunk
from pauca.errors import InputError
from pauca.image import layout
from pauca.image.codec import PictureEncoder
from pauca.image.coded import Coded
from pauca.image.content import AnyEncoder
from pauca.image.spatial import by_blocks
from pauca.metrics.compare import tile_psnr
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim, ms_ssim_db

MIDDLE = (layout.QUALITIES - 1) // 2
TOP = layout.QUALITIES - 1
MOST = 2**62  # no size or likeness is as large
PATIENCE = 8  # trials after which the search halves, whatever the curve


@dataclass(frozen=True)
class Target:
    """One of: `bpp` or `target_size` (bytes), not to be passed by the complete stream; `min_psnr`,
    `min_tile_psnr` (dB, of the worst 64 x 64 tile) or `min_ms_ssim` (0..1), to be reached.
    """

    bpp: float | None = None
    target_size: int | None = None
    min_psnr: float | None = None
    min_ms_ssim: float | None = None
    min_tile_psnr: float | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` unless there is one target, and one that can be."""
        given = self._given()
        if len(given) != 1:
            raise InputError("a picture has one target: a size, bits per pixel or a likeness")
        if not 0 <= getattr(self, self.name) < MOST or (self.min_ms_ssim or 0) > 1:
            raise InputError(f"a target {self.name} of {getattr(self, self.name)} cannot be")

    @property
    def name(self) -> str:
        """Which one it is."""
        return self._given()[0]

    @property
    def value(self) -> float:
        """How much is asked for, in the unit of its kind."""
        return float(getattr(self, self.name))

    @property
    def is_size(self) -> bool:
        """Whether the target bounds the stream's size."""
        return self.name in ("bpp", "target_size")

    def max_bytes(self, pixels: int) -> int:
        """The size that the stream of so many pixels may have."""
        return math.floor(self.value * pixels / 8) if self.bpp is not None else int(self.value)

    def likeness(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
        """What two pictures reach, in the unit of a target that is no size."""
        return LIKENESS[self.name].measure(a, b)

    def _given(self) -> list[str]:
        return [f.name for f in fields(self) if getattr(self, f.name) is not None]


@dataclass(frozen=True)
class Trial:
    """One quality that was tried, 0..100: `bytes` of its complete stream, and `likeness`, what it
    reached of a target of that kind, else None.
    """

    quality: float
    bytes: int
    likeness: float | None = None

    @property
    def figure(self) -> float:
        """What the target is about."""
        return self.bytes if self.likeness is None else self.likeness


@dataclass(frozen=True)
class Curve:
    """How a figure runs over quality codes once `straight`: about `middle` at code 200, and higher
    by `slope` with every code; measured on photographs.
    """

    straight: Callable[[float], float]
    middle: float
    slope: float


@dataclass(frozen=True)
class Likeness:
    """How like the original a decoded picture is, by one measure."""

    name: str
    measure: Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]
    curve: Curve


LIKENESS = {
    "min_psnr": Likeness("PSNR", psnr, Curve(float, 35.0, 0.058)),
    "min_tile_psnr": Likeness(
        "PSNR of the worst tile",
        lambda a, b: float(tile_psnr(a, b).min()),
        Curve(float, 31.0, 0.058),
    ),
    "min_ms_ssim": Likeness("MS-SSIM", ms_ssim, Curve(ms_ssim_db, 20.0, 0.052)),
}
BITS_PER_PIXEL, SIZE_SLOPE = 0.5, 0.0115  # at the middle; of log bytes


@dataclass
class Trials:
    """The trials of one picture for one target, by quality code, and what they coded."""

    encoder: AnyEncoder
    target: Target
    extras: Sequence[Chunk]
    report: Callable[[Trial], None] | None
    coded: dict[int, Coded] = field(default_factory=dict)
    made: dict[int, Trial] = field(default_factory=dict)

    def attempt(self, code: int) -> float:
        """Code at this quality code and return the figure that the target is about."""
        likeness = None
        if self.target.is_size:
            coded = self.encoder.encode(code)
        else:
            coded, decoded = self.encoder.encode_and_decode(code)
            likeness = self.target.likeness(np.asarray(self.encoder.pixels), decoded)
        self.coded[code], self.made[code] = coded, self.told(coded, likeness)
        return self.made[code].figure

    def told(self, coded: Coded, likeness: float | None) -> Trial:
        """The trial of a coding, once reported."""
        quality = coded.header.quality * 100 / TOP
        trial = Trial(quality, len(coded.stream(self.extras)), likeness)
        if self.report:
            self.report(trial)
        return trial


def encode_to(
    encoder: AnyEncoder,
    target: Target,
    extras: Sequence[Chunk] = (),
    report: Callable[[Trial], None] | None = None,
) -> Coded:
    """Return the picture coded at the quality that `target` asks for.

    The best quality that is small enough, chunks `extras` included, or the smallest stream that is
    like enough. `report` hears of every trial. Raises `InputError` with what can be reached.
    """
    trials = Trials(encoder, target, extras, report)
    if encoder.networks is None:
        return _lossless(trials)
    if target.is_size:
        return _best_within(trials)
    likeness = LIKENESS[target.name]
    crossing(trials.attempt, target.value, likeness.curve)
    good = [code for code, trial in trials.made.items() if trial.figure >= target.value]
    if not good:
        raise InputError(_too_much(likeness.name, target.value, trials.made[TOP].figure))
    best = min(good, key=lambda code: trials.made[code].bytes)
    if target.min_tile_psnr is not None and isinstance(encoder, PictureEncoder):
        return by_blocks(encoder, target.value, best, lambda c, tile: trials.told(c, tile).bytes)
    return trials.coded[best]


def _lossless(trials: Trials) -> Coded:
    """The picture without loss, which is like enough, if it is small enough."""
    trials.attempt(TOP)
    height, width = trials.encoder.pixels.shape[:2]
    target, trial = trials.target, trials.made[TOP]
    if target.is_size and trial.bytes > target.max_bytes(height * width):
        most = target.max_bytes(height * width)
        raise InputError(f"{most} bytes are out of reach: without loss the file has {trial.bytes}")
    return trials.coded[TOP]


def _best_within(trials: Trials) -> Coded:
    """The best quality whose stream is within the target."""
    height, width = trials.encoder.pixels.shape[:2]
    most = trials.target.max_bytes(height * width)
    usual = math.log(BITS_PER_PIXEL / 8 * height * width)
    crossing(trials.attempt, most + 1, Curve(math.log, usual, SIZE_SLOPE))
    good = [code for code, trial in trials.made.items() if trial.bytes <= most]
    if not good:
        raise InputError(_too_small(most, trials.made[0].bytes, height * width))
    return trials.coded[max(good)]


def crossing(measure: Callable[[int], float], goal: float, curve: Curve) -> None:
    """Measure codes until one below the goal and the next, not below it, are both measured.

    At an end of the scale, its last code alone. Where the figure does not rise with every code, the
    two are one of several such places.
    """
    low, high = -1, layout.QUALITIES  # neither is a code: nothing is known of the ends yet
    points: list[tuple[int, float]] = []
    aim = curve.straight(goal)
    while high - low > 1:
        place = _place(points, aim, curve) if len(points) < PATIENCE else (low + high) / 2
        code = min(max(math.floor(place), low + 1), high - 1)
        figure = measure(code)
        points.append((code, curve.straight(figure)))
        low, high = (code, high) if figure < goal else (low, code)


def _place(points: list[tuple[int, float]], aim: float, curve: Curve) -> float:
    """Where a line through the two points nearest to the aim meets it; with fewer, a usual line."""
    near = sorted(points, key=lambda point: abs(point[1] - aim))[:2]
    slope = curve.slope
    if len(near) == 2:
        (a, from_a), (b, from_b) = near
        measured = (from_b - from_a) / (b - a)
        # Two neighbours differ by little more than chance; equal pictures have no figure at all.
        if curve.slope / 4 < measured < 4 * curve.slope:
            slope = measured
    code, figure = near[0] if near else (MIDDLE, curve.middle)
    place = code + (aim - figure) / slope
    return place if math.isfinite(place) else (TOP if aim > figure else 0)


def _too_small(most: int, least: int, pixels: int) -> str:
    bpp = 8 * least / pixels
    return f"{most} bytes are out of reach: at quality 0 the file has {least} ({bpp:.4f} bpp)"


def _too_much(name: str, value: float, top: float) -> str:
    digits, unit = ("6f", "") if name == "MS-SSIM" else ("2f", " dB")
    best = f"{math.floor(top * 1e6) / 1e6:.{digits}}"
    return f"{name} of {value:g}{unit} is out of reach: quality 100 gives {best}{unit}"
