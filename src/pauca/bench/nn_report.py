"""Results of the network bench as JSON, tables for a terminal or Markdown, and a plot."""

import dataclasses
import math
from typing import TYPE_CHECKING

from pauca.bench.nn import ENTROPY, CoderRow, Facts, FileRow
from pauca.bench.nn_run import NnReport, keeps
from pauca.bench.report import (
    Table,
    figure_bytes,
    json_bytes,
    load_matplotlib,
    markdown,
    print_found,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console

FORMAT = "pauca-bench-nn/1"


def to_json(report: NnReport) -> bytes:
    """The whole report as UTF-8 JSON; floats that are no numbers become null."""
    return json_bytes({"format": FORMAT} | dataclasses.asdict(report))


def facts(report: NnReport) -> list[tuple[str, str]]:
    """What must stand beside the numbers: command, machine, versions, settings, conditions."""
    rows = [
        ("command", report.command),
        ("date", report.date),
        *report.machine.facts(),
        ("settings", "; ".join(f"{k}: {v}" for k, v in report.settings.items())),
        ("times", "one thread, wall seconds, quantization included for complete files"),
    ]
    if report.evaluation:
        rows.append(("accuracy", f"by `{report.evaluation}`; kept within {report.max_drop:g}"))
    return rows


def tables(report: NnReport) -> list[Table]:
    """The networks; then for each its files, its coders, and its lossless sizes."""
    found = [_networks(report)]
    for model in report.models:
        best = [row for row in report.best if row.model == model.model]
        if best:
            title = f"{model.model}: smallest complete file within {report.max_drop:g} points"
            found.append(_files(title, best, model, report.max_drop))
        else:
            every = [row for row in report.files if row.model == model.model]
            if every:
                title = f"{model.model}: complete files"
                found.append(_files(title, every, model, report.max_drop))
        rows = [row for row in report.coders if row.model == model.model]
        if rows:
            found.append(_coders(model, rows))
        floats = [row for row in report.floats if row.model == model.model]
        if floats:
            title = f"{model.model}: all tensors without loss"
            cells = tuple(
                (r.coder, str(r.bytes), _share(r.bytes, model), _rate(model, r.encode_s),
                 _rate(model, r.decode_s))
                for r in floats
            )  # fmt: skip
            head = ("coder", "bytes", "% of fp32", "encode MB/s", "decode MB/s")
            found.append(Table(title, head, (cells,)))
    return found


def _networks(report: NnReport) -> Table:
    head = ("network", "parameters", "tensors", "fp32 bytes", "nonzero %", "accuracy")
    rows = tuple(
        (m.model, str(m.parameters), str(m.tensors), str(m.fp32_bytes), f"{100 * m.nonzero:.2f}",
         _number(m.accuracy, ".2f"))
        for m in report.models
    )  # fmt: skip
    return Table("Networks", head, (rows,))


def _files(title: str, rows: list[FileRow], model: Facts, max_drop: float) -> Table:
    head = (
        "method", "setting", "bytes", "% of fp32", "against peer", "accuracy", "drop", "zeros %",
        "error", "encode MB/s", "decode MB/s",
    )  # fmt: skip
    # Only files that keep the accuracy are compared, with the peer's best that does.
    good = [row for row in rows if _is_good(row, model, max_drop)]
    reference = min((row.bytes for row in good if not is_ours(row)), default=None)
    cells = tuple(
        (
            row.method,
            f"{row.setting:g}",
            str(row.bytes),
            _share(row.bytes, model),
            _excess(row.bytes, reference) if row in good else "-",
            _number(row.accuracy, ".2f"),
            _number(_drop(row, model), "+.2f"),
            f"{100 * row.zeros:.1f}",
            f"{row.error:.4f}",
            _rate(model, row.encode_s),
            _rate(model, row.decode_s),
        )
        for row in rows
    )
    return Table(title, head, (cells,))


def _coders(model: Facts, rows: list[CoderRow]) -> Table:
    """Coders downwards, quantizations across; bytes, and their excess over the entropy."""
    across = list(dict.fromkeys((row.quantizer, row.setting) for row in rows))
    down = list(dict.fromkeys(row.coder for row in rows))
    size = {(row.coder, row.quantizer, row.setting): row.bytes for row in rows}
    cells = []
    for coder in down:
        line = [coder]
        for place in across:
            found, bound = size.get((coder, *place)), size[(ENTROPY, *place)]
            if found is None:
                line.append("-")
            elif coder == ENTROPY or not bound:
                line.append(f"{found:.0f}")
            else:
                line.append(f"{found:.0f} ({100 * (found / bound - 1):+.1f}%)")
        cells.append(tuple(line))
    head = ("coder", *(f"{name} {setting:g}" for name, setting in across))
    title = f"{model.model}: the same integers, bytes (over first-order entropy)"
    return Table(title, head, (tuple(cells),))


def is_ours(row: FileRow) -> bool:
    """Return whether a file is ours and not a peer's."""
    return row.method.startswith("pauca")


def _is_good(row: FileRow, model: Facts, max_drop: float) -> bool:
    if row.accuracy is None or model.accuracy is None:
        return False
    return keeps(row.accuracy, model.accuracy, max_drop)


def _excess(size: int, reference: int | None) -> str:
    return "-" if reference is None else f"{100 * (size / reference - 1):+.1f}%"


def _share(size: float, model: Facts) -> str:
    return f"{100 * size / model.fp32_bytes:.3f}"


def _rate(model: Facts, seconds: float) -> str:
    return f"{model.fp32_bytes / 1e6 / seconds:.1f}" if seconds > 0 else "-"


def _drop(row: FileRow, model: Facts) -> float | None:
    if row.accuracy is None or model.accuracy is None:
        return None
    return row.accuracy - model.accuracy


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def print_report(report: NnReport, console: "Console") -> None:
    """Print facts and tables to a rich console."""
    print_found(facts(report), tables(report), console)


def to_markdown(report: NnReport) -> bytes:
    """Facts and tables as Markdown, UTF-8."""
    return markdown(facts(report), tables(report))


def to_plot(report: NnReport) -> bytes:
    """A panel per network, PNG: accuracy over size, or error over size without an evaluation."""
    models = [m for m in report.models if any(row.model == m.model for row in report.files)]
    count = max(1, len(models))
    columns = min(3, count)
    rows = math.ceil(count / columns)
    figure = load_matplotlib()(figsize=(6 * columns, 4.6 * rows), dpi=120, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, model in zip(panels, models, strict=False):
        _draw(axes, report, model)
    return figure_bytes(figure)


def _draw(axes: "Axes", report: NnReport, model: Facts) -> None:
    found = [row for row in report.files if row.model == model.model]
    for i, method in enumerate(dict.fromkeys(row.method for row in found)):
        rows = sorted((r for r in found if r.method == method), key=lambda row: row.bytes)
        ours = is_ours(rows[0])
        axes.plot(
            [100 * row.bytes / model.fp32_bytes for row in rows],
            [row.error if row.accuracy is None else row.accuracy for row in rows],
            label=method,
            color=f"C{i % 10}",
            linestyle="-" if ours else "--",
            linewidth=2 if ours else 1.2,
            marker="o",
            markersize=3,
        )
    if model.accuracy is not None:
        axes.axhline(model.accuracy - report.max_drop, color="grey", linewidth=0.8)
        axes.set_ylim(model.accuracy - 3, model.accuracy + 0.5)
    axes.set_xscale("log")
    axes.set_title(model.model)
    axes.set_xlabel("complete file, % of fp32")
    axes.set_ylabel("relative error of matrices" if model.accuracy is None else "accuracy, %")
    axes.grid(alpha=0.3)
    if found:
        axes.legend(fontsize=8)
