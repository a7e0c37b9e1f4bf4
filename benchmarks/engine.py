"""Speed of the integer-network engine and of the level kernels, best of several runs.

python benchmarks/engine.py [--size 512] [--repeat 100]
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pauca._core import network_kernels
from pauca.image import filters, glue, layout
from pauca.pack.engine import Engine
from pauca.pack.intnet import Layer, Program, Step
from pauca.pixels import lifting

UP = 32
INPUTS = 36 + UP + 2


def machine() -> str:
    """Processor name and number of cores of this process."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{names[0] if names else platform.processor()}, {cores} cores, {platform.system()}"


def best(action: Callable[[], object], repeat: int) -> float:
    """Shortest of `repeat` runs in seconds, after one to warm up."""
    action()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def layer(rng: np.random.Generator, rows: int, columns: int, kind: str = "u8") -> Layer:
    shape = (rows, columns) if columns else (rows, 3, 3)
    low, high = {"u8": (0, 255), "s8": (-128, 127), "wide": (-2048, 2047)}[kind]
    return Layer(
        rng.integers(-127, 128, shape).astype(np.int8),
        rng.integers(-1000, 1000, rows).astype(np.int32),
        np.full(rows, 10, np.uint8),
        np.full(rows, low, np.int16),
        np.full(rows, high, np.int16),
    )


def pointwise(rng: np.random.Generator, c: int) -> tuple[Program, dict[str, Layer]]:
    """Expand by 2 and back, four times: what blocks spend their time on."""
    layers, steps, x = {}, [], "x"
    for i in range(4):
        layers |= {f"u{i}": layer(rng, 2 * c, c), f"d{i}": layer(rng, c, 2 * c)}
        steps += [Step("conv", f"u{i}", (x,), f"u{i}"), Step("conv", f"d{i}", (f"u{i}",), f"d{i}")]
        x = f"d{i}"
    return Program((("x", c),), (x,), tuple(steps)), layers


class Level:
    """The four passes of a level's context network as in image/model.py."""

    def __init__(self, rng: np.random.Generator, c: int, trunk: int) -> None:
        self.rng = rng
        self.layers: dict[str, Layer] = {}
        steps: list[Step] = []
        self.conv(steps, "f", "x", c, INPUTS)
        f = "f"
        for i in range(trunk):
            f = self.block(steps, f, f"t{i}", c)
        self.conv(steps, "head_a", f, 12, c, "wide")
        programs = [Program((("x", INPUTS),), (f, "head_a"), tuple(steps))]
        for name, values, heads in (("b", 6, 12), ("c", 12, 48)):
            steps = [Step("cat", "x", ("f", "y"))]
            self.conv(steps, f"stem_{name}", "x", c, c + values)
            out = self.block(steps, f"stem_{name}", name, c)
            self.conv(steps, f"head_{name}", out, heads, c, "wide")
            inputs = (("f", c), ("y", values))
            programs.append(Program(inputs, (out, f"head_{name}"), tuple(steps)))
        steps = [Step("cat", "x", ("f", "y"))]
        self.conv(steps, "tail", "x", c, c + 24)
        programs.append(Program((("f", c), ("y", 24)), ("tail",), tuple(steps)))
        self.programs = programs

    def conv(
        self, steps: list[Step], out: str, x: str, rows: int, columns: int, kind: str = "u8"
    ) -> None:
        self.layers[out] = layer(self.rng, rows, columns, kind)
        steps.append(Step("conv", out, (x,), out))

    def block(self, steps: list[Step], x: str, name: str, c: int) -> str:
        self.conv(steps, f"{name}.depth", x, c, 0, "s8")
        self.conv(steps, f"{name}.up", f"{name}.depth", 2 * c, c)
        self.layers[f"{name}.down"] = layer(self.rng, c, 2 * c)
        steps.append(Step("residual", name, (f"{name}.up", x), f"{name}.down"))
        return name


def inputs(
    rng: np.random.Generator, program: Program, cells: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Features are unsigned, companded values signed."""
    return {
        name: rng.integers(0, 256, (*cells, c)).astype(np.uint8 if name != "y" else np.int8)
        for name, c in program.inputs
    }


def run_engines(rng: np.random.Generator, size: int, repeat: int) -> None:
    cells = (size // 4, size // 4)
    counts = sorted({1, len(os.sched_getaffinity(0))})
    for kernel in network_kernels():
        repeats = repeat if kernel != "scalar" else max(1, repeat // 20)
        for threads in counts:
            for c in (64, 96):
                program, layers = pointwise(rng, c)
                engine = Engine(program, layers, threads, kernel)
                data = inputs(rng, program, cells)
                seconds = best(lambda e=engine, d=data: e.run(d), repeats)
                rate = engine.macs * cells[0] * cells[1] / seconds / 1e9
                print(f"{kernel:7} threads {threads}  pointwise {c:3}        {rate:8.1f} GMAC/s")
            level = Level(rng, 64, 2)
            total, macs = 0.0, 0.0
            for program in level.programs:
                engine = Engine(program, level.layers, threads, kernel)
                data = inputs(rng, program, cells)
                total += best(lambda e=engine, d=data: e.run(d), repeats)
                macs += engine.macs
            rate, pixels = macs * cells[0] * cells[1] / total / 1e9, size * size / total / 1e6
            print(
                f"{kernel:7} threads {threads}  finest level 64     {rate:8.1f} GMAC/s "
                f"{pixels:8.1f} Mpixel/s of the picture ({macs / 16:.0f} MAC/pixel)"
            )


def run_kernels(rng: np.random.Generator, size: int, repeat: int) -> None:
    """Mpixel/s of the picture on one core, work of the finest level only unless said."""
    h = size // 4
    low = rng.integers(-2000, 2000, (3, 2 * h, 2 * h)).astype(np.int32)
    table = layout.compand_table()
    mean = rng.integers(-100, 100, (h, h, 48)).astype(np.int16)
    symbols = rng.integers(-3, 4, h * h * 24).astype(np.int16)
    luma = [rng.integers(-500, 500, (h, h, 3)).astype(np.int32) for _ in range(4)]
    chroma = rng.integers(-500, 500, (h, h, 24)).astype(np.int32)
    known = np.zeros((h, h, 0), np.int8)
    head = rng.integers(-2000, 2000, (h, h, 48)).astype(np.int16)
    rgb = np.empty((size, size, 3), np.uint8)
    picture = rng.integers(-2000, 2000, (3, size, size)).astype(np.int32)
    steps = rng.integers(100, 500, (3, 3)).astype(np.int32)
    planes = rng.normal(0, 50, (3, size, size)).astype(np.float32)
    details, last = lifting.analysis(planes, [lifting.CDF97] * layout.LEVELS)
    coded = [np.rint(d).astype(np.int32) for d in details]

    def synthesis() -> None:
        x = last.astype(np.int32)
        for d in reversed(coded):
            x = lifting.synthesis_level(x, d)

    actions: dict[str, Callable[[], object]] = {
        "differences": lambda: glue.differences(low, 900, table),
        "extend (chroma)": lambda: glue.extend(symbols, mean[..., :24], known, table),
        "dequantize": lambda: glue.dequantize(luma, chroma, steps),
        "filter: inputs": lambda: filters.cell_inputs(picture, 900, table),
        "filter: to RGB": lambda: filters.mend_to_rgb(picture, head, 900, rgb),
        "gather": lambda: glue.gather(details[0], steps.astype(np.float32)),
        "analysis, 6 levels": lambda: lifting.analysis(planes, [lifting.CDF97] * layout.LEVELS),
        "synthesis, 6 levels": synthesis,
    }
    for name, action in actions.items():
        print(f"{name:24} {size * size / best(action, repeat) / 1e6:8.1f} Mpixel/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    # Short runs, many times: on a busy machine the best of them is the one nobody interrupted.
    parser.add_argument("--size", type=int, default=512, help="side of the picture")
    parser.add_argument("--repeat", type=int, default=100)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    print(machine())
    run_engines(rng, args.size, args.repeat)
    run_kernels(rng, args.size, args.repeat)


if __name__ == "__main__":
    main()
