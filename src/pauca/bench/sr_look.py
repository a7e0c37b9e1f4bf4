"""How natural enlarged pictures look, by a measure that sees them alone, without an original."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.bench.report import Table
from pauca.errors import InputError, MissingExtraError

Pixels = NDArray[np.uint8]
Measure = Callable[[Pixels], float]
MEASURES = ("piqe",)
ORIGINAL = "original"


@dataclass(frozen=True)
class LookRow:
    """A method over a folder, or the original pictures: the mean of a measure."""

    folder: str
    method: str
    value: float
    measure: str


def find_measure(name: str) -> Measure:
    """The measure of this name, of RGB (H, W, 3); lower is better.

    PIQE (Venkatanath et al., 2015) counts blocks with artifacts or noise. `InputError` if there is
    no such measure, `MissingExtraError` without its library.
    """
    if name not in MEASURES:
        raise InputError(f"no measure {name!r}; known: {', '.join(MEASURES)}")
    try:
        from pypiqe import piqe
    except ImportError as error:
        raise MissingExtraError("PIQE needs pypiqe: pip install pypiqe") from error

    def measure(pixels: Pixels) -> float:
        return float(piqe(np.ascontiguousarray(pixels[..., ::-1]))[0])  # it takes BGR

    return measure


def look_tables(rows: Sequence[LookRow], scale: int) -> list[Table]:
    """The measure by method and folder."""
    if not rows:
        return []
    found = {(row.method, row.folder): row.value for row in rows}
    folders = list(dict.fromkeys(row.folder for row in rows))
    lines = tuple(
        (method, *(f"{found[method, folder]:.3f}" for folder in folders))
        for method in dict.fromkeys(row.method for row in rows)
    )
    measure = rows[0].measure.upper()
    return [Table(f"x{scale}: {measure}, lower is better", (measure, *folders), (lines,))]
