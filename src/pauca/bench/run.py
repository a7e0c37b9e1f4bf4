"""One run of the picture bench from plan to report."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pauca.bench.codecs import find_codec
from pauca.bench.curves import Curve, average, compare
from pauca.bench.image import describe_data, list_pictures, measure_folder
from pauca.bench.machine import describe_machine
from pauca.bench.report import Report
from pauca.errors import InputError


@dataclass(frozen=True)
class Plan:
    """What to measure: pictures, codecs with their qualities, and what to compare with."""

    pictures: tuple[Path, ...]
    settings: dict[str, tuple[float, ...]]
    published: tuple[Curve, ...] = ()
    references: tuple[str, ...] = ()
    max_bpp: float | None = 1.5
    jobs: int = 1

    @property
    def steps(self) -> int:
        """How many times `run` reports progress."""
        return len(self.settings) * len(self.pictures)


def make_plan(
    folder: Path,
    codecs: Sequence[str],
    qualities: Sequence[str] = (),
    published: Sequence[Curve] = (),
    references: Sequence[str] = (),
    max_bpp: float | None = 1.5,
    jobs: int = 1,
) -> Plan:
    """Check everything that can be wrong before the first of many minutes of measuring.

    `qualities`: `"10,50"` for every codec or `"jpeg=10,50"` for one. Without `references` each
    measured peer is one. Raises `InputError`, `MissingExtraError`, `PackError`.
    """
    settings = {name: find_codec(name).qualities for name in codecs}
    for text in qualities:
        settings |= _parse_qualities(text, settings)
    names = [*settings, *(curve.name for curve in published)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"two curves are named {', '.join(sorted(twice))}")
    if not settings:
        raise InputError("no codec to measure")
    references = references or [name for name in settings if not name.startswith("pauca")]
    if unknown := [name for name in references if name not in names]:
        raise InputError(f"no curve {', '.join(unknown)} to compare with")
    pictures = tuple(list_pictures(folder))
    return Plan(pictures, settings, tuple(published), tuple(references), max_bpp, jobs)


def _parse_qualities(
    text: str, settings: dict[str, tuple[float, ...]]
) -> dict[str, tuple[float, ...]]:
    name, _, numbers = text.rpartition("=")
    if name and name not in settings:
        raise InputError(f"qualities for {name}, which is not measured")
    try:
        values = tuple(dict.fromkeys(float(number) for number in numbers.split(",")))
    except ValueError as error:
        raise InputError(f"qualities {text!r} are not numbers separated by commas") from error
    for codec in [name] if name else settings:
        scale = find_codec(codec).scale
        if outside := [value for value in values if not min(scale) <= value <= max(scale)]:
            raise InputError(
                f"quality {outside[0]:g} of {codec} is outside {min(scale):g}..{max(scale):g}"
            )
    return dict.fromkeys([name] if name else settings, values)


def run(plan: Plan, command: str, on_done: Callable[[], None] = lambda: None) -> Report:
    """Measure, average, compare. `command` is recorded; `on_done` is called `plan.steps` times."""
    measurements = measure_folder(plan.pictures, plan.settings, plan.jobs, on_done)
    curves = [*average(measurements), *plan.published]
    return Report(
        command=command,
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        machine=describe_machine(),
        data=describe_data(plan.pictures),
        jobs=plan.jobs,
        max_bpp=plan.max_bpp,
        settings={name: find_codec(name).settings for name in plan.settings},
        curves=tuple(curves),
        bd_rates=tuple(compare(curves, plan.references, plan.max_bpp)),
        measurements=tuple(measurements),
    )
