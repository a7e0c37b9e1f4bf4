"""Results of the picture bench as JSON, tables for a terminal or Markdown, and a plot."""

import dataclasses
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pauca.bench.curves import METRICS, Curve, Delta, Metric, Point
from pauca.bench.image import Data, Measurement
from pauca.bench.machine import Machine
from pauca.errors import MissingExtraError
from pauca.metrics.ssim import ms_ssim_db

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.console import Console

FORMAT = "pauca-bench-image/1"

_TITLES = {"psnr": "PSNR, dB", "ms_ssim": "MS-SSIM, dB"}


@dataclass(frozen=True)
class Report:
    """Everything one run of the bench found; `docs/results/README.md` describes its JSON."""

    command: str
    date: str
    machine: Machine
    data: Data
    jobs: int
    max_bpp: float | None
    settings: dict[str, str]
    curves: tuple[Curve, ...]
    bd_rates: tuple[Delta, ...]
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True)
class Table:
    """A titled table of text cells in groups of rows; the first column is a name."""

    title: str
    head: tuple[str, ...]
    groups: tuple[tuple[tuple[str, ...], ...], ...]


def to_json(report: Report) -> bytes:
    """The whole report as UTF-8 JSON; infinite values (lossless results) become null."""
    return json_bytes({"format": FORMAT} | dataclasses.asdict(report))


def json_bytes(table: dict[str, Any]) -> bytes:
    """A report's table as UTF-8 JSON, for every bench: nine digits, null for what is no number."""
    finite = _finite(table)
    return (json.dumps(finite, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value


def facts(report: Report) -> list[tuple[str, str]]:
    """What must stand beside the numbers: command, data, machine, versions, conditions."""
    data = report.data
    limit = "all rates" if report.max_bpp is None else f"up to {report.max_bpp:g} bpp"
    return [
        ("command", report.command),
        ("date", report.date),
        ("data", f"{data.folder}: {data.pictures} pictures, {data.pixels / 1e6:.2f} Mpixel"),
        *report.machine.facts(),
        ("settings", "; ".join(f"{k}: {v}" for k, v in report.settings.items())),
        ("times", f"wall seconds a picture, {report.jobs} job{'s' * (report.jobs > 1)} at once"),
        ("BD-rate", f"PCHIP of log rate over dB, {limit}, in percent: below 0 is fewer bits"),
    ]


def tables(report: Report) -> list[Table]:
    """The averages of the measured codecs, then BD-rates by PSNR and by MS-SSIM."""
    averages = Table(
        "Averages over the pictures",
        ("codec", "quality", "bpp", "PSNR", "MS-SSIM", "dB", "encode s", "decode s"),
        tuple(
            tuple((curve.name, *_cells(point)) for point in curve.points)
            for curve in report.curves
            if not curve.published
        ),
    )
    return [averages, *(_bd_table(report, metric) for metric in METRICS)]


def _cells(point: Point) -> tuple[str, ...]:
    ms_ssim = point.ms_ssim
    return (
        _number(point.quality, "g"),
        _number(point.bpp, ".4f"),
        _number(point.psnr, ".3f"),
        _number(ms_ssim, ".5f"),
        _number(None if ms_ssim is None else ms_ssim_db(ms_ssim), ".3f"),
        _number(point.encode_s, ".3f"),
        _number(point.decode_s, ".3f"),
    )


def _bd_table(report: Report, metric: Metric) -> Table:
    found = {(d.codec, d.reference): d.percent for d in report.bd_rates if d.metric == metric}
    references = list(dict.fromkeys(reference for _, reference in found))
    rows = (
        (_label(curve), *(_number(found[curve.name, name], "+.1f") for name in references))
        for curve in report.curves
    )
    title = f"BD-rate by {_TITLES[metric].removesuffix(', dB')}, percent, against"
    return Table(title, ("codec", *references), (tuple(rows),))


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _label(curve: Curve) -> str:
    return f"{curve.name} (published)" if curve.published else curve.name


def print_report(report: Report, console: "Console") -> None:
    """Print facts and tables to a rich console."""
    print_found(facts(report), tables(report), console)


def print_table(table: Table, console: "Console") -> None:
    """Print one table, with a gap between its groups."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(title=table.title, box=box.SIMPLE_HEAD, title_justify="left")
    for i, head in enumerate(table.head):
        drawn.add_column(Text(head), justify="right" if i else "left", no_wrap=True)
    for group in table.groups:
        for row in group:
            drawn.add_row(*(Text(cell) for cell in row), end_section=row is group[-1])
    console.print(drawn)


def to_markdown(report: Report) -> bytes:
    """Facts and tables as Markdown, UTF-8."""
    return markdown(facts(report), tables(report))


def markdown(facts: Sequence[tuple[str, str]], tables: Sequence[Table]) -> bytes:
    """What a bench found as Markdown, UTF-8."""
    lines = [f"- {name}: `{text}`" if name == "command" else f"- {name}: {text}"
             for name, text in facts]  # fmt: skip
    for table in tables:
        lines += ["", f"**{table.title}**", ""]
        lines += ["| " + " | ".join(table.head) + " |"]
        lines += ["|---|" + "---:|" * (len(table.head) - 1)]
        lines += ["| " + " | ".join(row) + " |" for group in table.groups for row in group]
    return ("\n".join(lines) + "\n").encode()


def print_found(
    facts: Sequence[tuple[str, str]], tables: Sequence[Table], console: "Console"
) -> None:
    """Print what a bench found to a rich console."""
    from rich.text import Text

    for name, text in facts:
        console.print(Text(f"{name}: ", style="bold") + Text(text, style="default"))
    for table in tables:
        print_table(table, console)


def load_matplotlib() -> "type[Figure]":
    """Return matplotlib's `Figure`, or raise `MissingExtraError`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError('plots need matplotlib: pip install "pauca[bench]"') from error
    return Figure


def to_plot(report: Report) -> bytes:
    """Both rate-distortion plots as one PNG; published curves are thin and dashed."""
    figure = load_matplotlib()(figsize=(13, 6), dpi=120, layout="constrained")
    for axes, metric in zip(figure.subplots(1, 2), METRICS, strict=True):
        _draw(axes, report, metric)
    data = report.data
    figure.suptitle(f"{data.folder}: mean of {data.pictures} pictures")
    return figure_bytes(figure)


def figure_bytes(figure: Any, form: str = "png", **options: Any) -> bytes:
    """A figure as a file, for every bench; `options` are matplotlib's."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, **options)
    return buffer.getvalue()


def _draw(axes: "Axes", report: Report, metric: Metric) -> None:
    right = 1.05 * (report.max_bpp or max(p.bpp for c in report.curves for p in c.points))
    top, bottom = -math.inf, math.inf
    for i, curve in enumerate(sorted(report.curves, key=lambda c: c.published)):
        pairs = [pair for pair in curve.pairs(metric) if pair[0] <= 2 * right]
        if not pairs:
            continue
        ours = curve.name.startswith("pauca")
        axes.plot(
            [bpp for bpp, _ in pairs],
            [value for _, value in pairs],
            label=_label(curve),
            color="black" if ours and not curve.published else f"C{i % 10}",
            linewidth=0.9 if curve.published else 2.4 if ours else 1.5,
            linestyle="--" if curve.published else "-",
            marker="" if curve.published else "o",
            markersize=4,
            zorder=3 if ours else 2,
        )
        shown = [value for bpp, value in pairs if bpp <= right]
        top, bottom = max([top, *shown]), min([bottom, *shown])
    axes.set_xlim(0, right)
    if bottom < top:
        axes.set_ylim(bottom - 0.03 * (top - bottom), top + 0.03 * (top - bottom))
    axes.set_xlabel("bits per pixel")
    axes.set_ylabel(_TITLES[metric])
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
