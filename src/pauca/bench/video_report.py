"""What the video bench found, as JSON, tables and plots."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from pauca.bench.crossover import rate_text
from pauca.bench.report import Table, figure_bytes, json_bytes, load_matplotlib
from pauca.bench.video import VideoReport
from pauca.bench.video import __doc__ as protocol

FORMAT_NAME = "pauca-bench-video/2"


def to_json(report: VideoReport) -> bytes:
    """The whole report as UTF-8 JSON."""
    return json_bytes({"format": FORMAT_NAME} | asdict(report))


def tables(report: VideoReport) -> list[Table]:
    """BD-rates, and every measurement."""
    deltas = tuple(
        (d.clip, d.method, _percent(d.psnr_y), _percent(d.ms_ssim), _percent(d.vmaf))
        for d in report.deltas
    )
    rows = tuple(
        (
            row.clip, row.method, f"{row.crf:g}", f"{row.kbps:.1f}", f"{row.psnr_y:.3f}",
            f"{row.ms_ssim:.3f}", "-" if math.isnan(row.vmaf) else f"{row.vmaf:.2f}",
            str(row.message_bytes), f"{row.encode_fps:.1f}", f"{row.decode_fps:.1f}",
        )
        for row in report.rows
    )  # fmt: skip
    head = ("clip", "method", "PSNR-Y", "MS-SSIM", "VMAF")
    crossings = tuple(
        (c.clip, c.method, rate_text(c.psnr_y), rate_text(c.ms_ssim), rate_text(c.vmaf))
        for c in report.crossovers
    )
    row_head = (
        "clip", "method", "crf", "kbit/s", "PSNR-Y dB", "MS-SSIM dB", "VMAF", "message bytes",
        "encode fps", "decode fps",
    )  # fmt: skip
    found = [
        Table("BD-rate against the same encoder alone, percent", head, (deltas,)),
        Table("Half size is better below, kbit/s", head, (crossings,)),
        Table("Measurements", row_head, (rows,)),
    ]
    return [table for table in found if any(table.groups)]


def facts(report: VideoReport) -> list[tuple[str, str]]:
    """What must stand beside the numbers."""
    return [
        ("command", report.command),
        ("date", report.date),
        *report.machine.facts(),
        ("threads, effort", f"{report.threads}, {report.effort}"),
        ("protocol", " ".join((protocol or "").split("\n\n")[1].split())),
    ]


def plot(report: VideoReport) -> bytes:
    """Rate and PSNR-Y of every clip, PNG."""
    clips = list(dict.fromkeys(row.clip for row in report.rows))
    columns = min(3, len(clips))
    lines = -(-len(clips) // columns)
    figure = load_matplotlib()(figsize=(5 * columns, 4 * lines), layout="constrained")
    for i, clip in enumerate(clips):
        axes: Any = figure.add_subplot(lines, columns, i + 1)
        for method in dict.fromkeys(row.method for row in report.rows):
            points = sorted(
                (r.kbps, r.psnr_y) for r in report.rows if (r.clip, r.method) == (clip, method)
            )
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=method)
        axes.set(title=clip, xlabel="kbit/s", ylabel="PSNR-Y, dB", xscale="log")
        axes.grid(alpha=0.3)
        if i == 0:
            axes.legend(fontsize=8)
    return figure_bytes(figure, dpi=110)


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.1f}"
