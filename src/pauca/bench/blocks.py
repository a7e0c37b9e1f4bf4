"""Light structures side by side: multiplications and parameters against measured time.

Protocol: every block takes and gives (1, C, S, S) float32, stride 1, biases and rectifiers as in
its paper; batch normalizations count as folded. Weights are random. The time is the best of many
runs in ONNX Runtime, on one thread the processor's time, which other programs do not change; GMAC/s
says how well the processor likes the structure.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pauca.bench.block_graphs import BLOCKS, build_block
from pauca.bench.machine import Machine, describe_machine
from pauca.bench.report import Table, json_bytes
from pauca.errors import InputError
from pauca.nn.passes.onnx_graph import count_macs
from pauca.nn.passes.timing import best_ms
from pauca.pack.runtime import float_session

FORMAT = "pauca-bench-blocks/1"


@dataclass(frozen=True)
class BlockRow:
    """One block at one size; `speedup` is the 3x3 convolution's time over its own."""

    block: str
    source: str
    channels: int
    size: int
    macs: int
    parameters: int
    milliseconds: float
    gmacs_per_second: float
    speedup: float | None


@dataclass(frozen=True)
class BlocksReport:
    """Everything one run found."""

    command: str
    date: str
    machine: Machine
    threads: int
    seconds: float
    rows: tuple[BlockRow, ...]


def check_plan(blocks: Sequence[str], sizes: Sequence[tuple[int, int]]) -> None:
    """Raise `InputError` on an unknown block, or sizes that blocks cannot have."""
    for name in blocks:
        if name not in BLOCKS:
            raise InputError(f"no block {name!r}; known: {', '.join(BLOCKS)}")
    for channels, size in sizes:
        if channels % 16 or not 16 <= channels <= 4096 or not 1 <= size <= 1024:
            raise InputError(
                f"{channels}x{size}: channels must be a multiple of 16, 16 to 4096; size 1 to 1024"
            )


def run(
    blocks: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    threads: int,
    seconds: float,
    command: str,
    say: Callable[[str], None] = lambda text: None,
) -> BlocksReport:
    """Measure every block at every (channels, size) for `seconds` each."""
    check_plan(blocks, sizes)
    rows: list[BlockRow] = []
    for channels, size in sizes:
        found = []
        for name in blocks:
            say(f"{name} {channels} x {size} x {size}")
            found.append(_measure(name, channels, size, threads, seconds))
        plain = next((row.milliseconds for row in found if row.block == "conv3x3"), None)
        rows += [
            BlockRow(**asdict(row) | {"speedup": plain / row.milliseconds}) if plain else row
            for row in found
        ]
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    return BlocksReport(command, date, describe_machine(), threads, seconds, tuple(rows))


def _measure(name: str, channels: int, size: int, threads: int, seconds: float) -> BlockRow:
    model = build_block(name, channels, size)
    shape = (1, channels, size, size)
    macs = count_macs(model, {"x": shape})
    assert macs is not None  # every shape of our own graphs is known
    parameters = sum(int(np.prod(t.dims)) for t in model.graph.initializer if t.data_type == 1)
    session = float_session(model.SerializeToString(), threads)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    clock = time.process_time if threads == 1 else time.perf_counter
    best = best_ms(lambda: session.run(None, {"x": x}), seconds, clock)
    rate = macs / best / 1e6
    source = BLOCKS[name].source
    return BlockRow(name, source, channels, size, macs, parameters, best, rate, None)


def to_json(report: BlocksReport) -> bytes:
    """The whole report as UTF-8 JSON."""
    return json_bytes({"format": FORMAT} | asdict(report))


def tables(report: BlocksReport) -> list[Table]:
    """One table a size."""
    head = ("block", "MMAC", "parameters", "ms", "GMAC/s", "times 3x3", "source")
    sizes = list(dict.fromkeys((row.channels, row.size) for row in report.rows))
    return [
        Table(
            f"{channels} channels, {size} x {size}",
            head,
            (tuple(_cells(r) for r in report.rows if (r.channels, r.size) == (channels, size)),),
        )
        for channels, size in sizes
    ]


def _cells(row: BlockRow) -> tuple[str, ...]:
    return (
        row.block,
        f"{row.macs / 1e6:.2f}",
        f"{row.parameters}",
        f"{row.milliseconds:.3f}",
        f"{row.gmacs_per_second:.1f}",
        "-" if row.speedup is None else f"{row.speedup:.2f}",
        row.source,
    )


def facts(report: BlocksReport) -> list[tuple[str, str]]:
    """What must stand beside the numbers."""
    text: Any = __doc__ or ""
    return [
        ("command", report.command),
        ("date", report.date),
        *report.machine.facts(),
        ("conditions", f"{report.threads} threads, {report.seconds:g} s a block"),
        ("protocol", " ".join(text.split("Protocol: ")[1].split())),
    ]
