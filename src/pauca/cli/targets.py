"""Options of `encode` that say how good a picture or how small its file is to be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pauca.container.fidelity import Fidelity
    from pauca.image.targets import Trial
    from pauca.metrics.compare import Comparison

BitsPerPixel = Annotated[
    float | None,
    typer.Option("--bpp", min=0, help="Pictures: the best in a file of so many bits per pixel."),
]
TargetSize = Annotated[
    int | None,
    typer.Option(
        min=1, help="The best that fits in so many bytes: the whole file, pictures and networks."
    ),
]
MinPsnr = Annotated[
    float | None, typer.Option(min=0, help="Pictures: the smallest file with this PSNR, in dB.")
]
MinMsSsim = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Pictures: the smallest file with this MS-SSIM, 0 to 1."),
]
MinTilePsnr = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Pictures: the smallest file where every tile of 64 x 64 pixels has this PSNR, in dB.",
    ),
]
StateFidelity = Annotated[
    bool | None,
    typer.Option(
        "--fidelity/--no-fidelity",
        help="Pictures: state in the file how far it is from the original, for `pauca verify`."
        "  [default: only with --min-...]",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class TargetOptions:
    """Options of `encode` for pictures that ask for a search or a statement; None where the user
    has given none.
    """

    bpp: float | None = None
    target_size: int | None = None
    min_psnr: float | None = None
    min_ms_ssim: float | None = None
    min_tile_psnr: float | None = None
    fidelity: bool | None = None

    @property
    def target(self) -> dict[str, float]:
        """What the user has given that asks for a search, by its name in `pauca.encode`."""
        given = {name: value for name, value in vars(self).items() if name != "fidelity"}
        return {name: value for name, value in given.items() if value is not None}

    def check(self, quality: float | None) -> None:
        """Raise a usage error where two options say how good the picture is to be."""
        names = ["quality"] * (quality is not None) + list(self.target)
        if len(names) > 1:
            options = " and ".join("--" + name.replace("_", "-") for name in names[:2])
            raise typer.BadParameter(f"{options} both say how good; give one")

    def trial_record(self, trial: Trial) -> dict[str, float]:
        """A trial as JSON shows it: its quality, its bytes, and what it reached of the target."""
        record: dict[str, float] = {"quality": trial.quality, "bytes": trial.bytes}
        if trial.likeness is not None:
            record[next(iter(self.target)).removeprefix("min_")] = finite(trial.likeness)
        return record


def trial_line(number: int, trial: Trial) -> str:
    """A trial as the progress shows it."""
    reached = "" if trial.likeness is None else f", reaches {trial.likeness:.4g}"
    return f"trial {number}: quality {trial.quality:g}, {trial.bytes} bytes{reached}"


def outcome(code: int, trials: int, fidelity: Fidelity | None) -> str:
    """What a search found and a stream states, to be added to the line that `encode` ends with."""
    found = (
        f", quality {quality_of(code):g} after {trials} trial{'s' * (trials > 1)}" if trials else ""
    )
    return found + (f"; {fidelity_line(fidelity)}" if fidelity else "")


def quality_of(code: int) -> float:
    """Quality 0..100 of a quality code."""
    from pauca.image.layout import QUALITIES

    return 100 * code / (QUALITIES - 1)


def fidelity_line(fidelity: Fidelity | Comparison) -> str:
    """Distance from the original as people read it."""
    x, y = fidelity.tile
    return (
        f"PSNR {decibels(fidelity.psnr)}, MS-SSIM {similarity(fidelity.ms_ssim)}, "
        f"worst tile {decibels(fidelity.tile_psnr)} at ({x}, {y})"
    )


def fidelity_record(fidelity: Fidelity | Comparison) -> dict[str, Any]:
    """Distance from the original as JSON shows it."""
    return {
        "psnr": finite(fidelity.psnr),
        "ms_ssim": fidelity.ms_ssim,
        "tile_psnr": finite(fidelity.tile_psnr),
        "tile": list(fidelity.tile),
    }


def decibels(value: float) -> str:
    """A PSNR as people read it, rounded down as streams state it."""
    return "infinite" if math.isinf(value) else f"{math.floor(100 * value + 1e-6) / 100:.2f} dB"


def similarity(value: float) -> str:
    """An MS-SSIM as people read it, rounded down as streams state it."""
    return f"{math.floor(1e6 * value + 1e-6) / 1e6:.6f}"


def finite(value: float) -> Any:
    """A figure as JSON has it: null where it is infinite, as of equal pictures."""
    return value if math.isfinite(value) else None
