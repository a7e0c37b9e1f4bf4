"""Every instruction set and thread count of the engine against the int64 definition."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from pauca._core import network_kernels
from pauca.errors import InputError, PackError
from pauca.pack.engine import Engine
from pauca.pack.intnet import Layer, Program, Step, run_plain

KERNELS = network_kernels()
SIZES = [(1, 1), (1, 7), (5, 3), (3, 1), (17, 23)]


def random_layer(rng, rows, columns=0, kind="u8"):
    shape = (rows, columns) if columns else (rows, 3, 3)
    weight = rng.integers(-128, 128, shape).astype(np.int8)
    bias = rng.integers(-(1 << 16), 1 << 16, rows).astype(np.int32)
    low, high = {"u8": (0, 255), "s8": (-128, 127), "wide": (-32768, 32767)}[kind]
    low, high = np.full(rows, low, np.int16), np.full(rows, high, np.int16)
    if rng.random() < 0.5:  # clamps of their own per channel
        a, b = rng.integers(low, high, (2, rows), endpoint=True).astype(np.int16)
        low, high = np.minimum(a, b), np.maximum(a, b)
    shift = rng.integers(0, 25 if kind == "wide" else 15, rows).astype(np.uint8)
    return Layer(weight, bias, shift, low, high)


def random_input(rng, shape, signed, extreme):
    low, high = (-128, 127) if signed else (0, 255)
    values = (
        rng.choice([low, high], shape) if extreme else rng.integers(low, high, shape, endpoint=True)
    )
    return values.astype(np.int8 if signed else np.uint8)


def context_network(rng, c):
    """As a level's trunk: concatenated inputs, a block with a residual, a head, the way up."""
    layers = {
        "stem": random_layer(rng, c, c + 11),
        "depth": random_layer(rng, c, kind="s8"),
        "up": random_layer(rng, 2 * c, c),
        "down": random_layer(rng, c, 2 * c),
        "head": random_layer(rng, 12, c, "wide"),
        "wide": random_layer(rng, 4 * 9, c),
    }
    steps = (
        Step("cat", "x", ("a", "b", "c")),
        Step("conv", "f", ("x",), "stem"),
        Step("conv", "d", ("f",), "depth"),
        Step("conv", "u", ("d",), "up"),
        Step("residual", "g", ("u", "f"), "down"),
        Step("conv", "head", ("g",), "head"),
        Step("conv", "w", ("g",), "wide"),
        Step("unfold", "fine", ("w",)),
    )
    inputs = (("a", c), ("b", 6), ("c", 5))
    return Program(inputs, ("g", "head", "fine"), steps), layers


def random_program(rng):
    """Steps drawn at random over what is already there: several groups, grids, uses of a tensor."""
    inputs = tuple((f"in{i}", int(rng.integers(1, 40))) for i in range(rng.integers(1, 4)))
    channels, scale, layers = dict(inputs), {n: 0 for n, _ in inputs}, {}
    signed = {name: bool(rng.random() < 0.5) for name, _ in inputs}
    usable, made, steps = [n for n, _ in inputs], [], []

    def conv(name, sources, rows, depth, kind):
        columns = 0 if depth else channels[sources[0]]
        layers[name] = random_layer(rng, rows, columns, kind)
        steps.append(Step("conv" if len(sources) == 1 else "residual", name, sources, name))
        channels[name], scale[name] = rows, scale[sources[0]]

    for i in range(int(rng.integers(1, 14))):
        name, source = f"t{i}", str(rng.choice(usable))
        op = rng.choice(["conv", "depth", "residual", "cat", "unfold", "wide"])
        kind = str(rng.choice(["u8", "s8"]))
        depth = op == "depth" or rng.random() < 0.15
        same = [n for n in usable if scale[n] == scale[source]]
        if op == "cat":
            parts = tuple(str(s) for s in rng.choice(same, int(rng.integers(1, 4))))
            channels[name], scale[name] = sum(channels[p] for p in parts), scale[source]
            steps.append(Step("cat", name, parts))
        elif op == "unfold" and scale[source] < 2:
            conv(f"{name}.up", (source,), 4 * int(rng.integers(1, 20)), False, kind)
            steps.append(Step("unfold", name, (f"{name}.up",)))
            channels[name], scale[name] = channels[f"{name}.up"] // 4, scale[source] + 1
        elif op == "residual":
            added = str(rng.choice(same))
            conv(name, (source, added), channels[added], depth and added == source, kind)
        else:
            rows = channels[source] if depth else int(rng.integers(1, 150))
            conv(name, (source,), rows, depth, "wide" if op == "wide" else kind)
        made.append(name)
        if op != "wide":
            usable.append(name)
    outputs = rng.choice(made, int(rng.integers(1, len(made) + 1)), replace=False)
    return Program(inputs, tuple(map(str, outputs)), tuple(steps)), layers, signed


def agree(program, layers, inputs, kernel, threads=1):
    expected = run_plain(program, layers, inputs)
    got = Engine(program, layers, threads, kernel).run(inputs)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name].flags.c_contiguous
        np.testing.assert_array_equal(got[name], value, err_msg=name)
    return got


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("c", [3, 64, 96])
def test_context_network_is_exact(kernel, size, c):
    rng = np.random.default_rng([c, *size])
    program, layers = context_network(rng, c)
    for extreme in (False, True):
        inputs = {n: random_input(rng, (*size, k), n != "a", extreme) for n, k in program.inputs}
        got = agree(program, layers, inputs, kernel)
        assert got["fine"].shape == (2 * size[0], 2 * size[1], 9)
        assert (got["g"].dtype, got["head"].dtype, got["fine"].dtype) == (
            np.uint8,
            np.int16,
            np.uint8,
        )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("seed", range(60))
def test_random_programs_are_exact(kernel, seed):
    rng = np.random.default_rng(seed)
    program, layers, signed = random_program(rng)
    size = SIZES[seed % len(SIZES)]
    inputs = {n: random_input(rng, (*size, k), signed[n], seed % 3 == 0) for n, k in program.inputs}
    agree(program, layers, inputs, kernel, threads=1 + seed % 3)


@pytest.mark.parametrize("kernel", KERNELS)
def test_threads_do_not_change_results(kernel):
    rng = np.random.default_rng(5)
    program, layers = context_network(rng, 64)
    inputs = {n: random_input(rng, (67, 45, k), n != "a", False) for n, k in program.inputs}
    results = [Engine(program, layers, threads, kernel).run(inputs) for threads in (1, 2, 5)]
    expected = run_plain(program, layers, inputs)
    for result in results:
        for name, value in result.items():
            np.testing.assert_array_equal(value, expected[name])


def test_largest_sums_are_exact():
    """Weights of +-127 on 512 inputs of 255: the bound of 2**24 is nearly reached on both sides."""
    weight = np.full((2, 512), 127, np.int8)
    weight[1] = -127
    layer = Layer(
        weight,
        np.zeros(2, np.int32),
        np.array([9, 9], np.uint8),
        *np.int16([[-32768] * 2, [32767] * 2]),
    )
    program = Program((("x", 512),), ("y",), (Step("conv", "y", ("x",), "w"),))
    inputs = {"x": np.full((1, 13, 512), 255, np.uint8)}
    for kernel in KERNELS:
        got = agree(program, {"w": layer}, inputs, kernel)
        assert got["y"][0, 0].tolist() == [127 * 255, -127 * 255]


def test_one_engine_serves_many_sizes_and_types():
    rng = np.random.default_rng(6)
    program, layers = context_network(rng, 8)
    engine = Engine(program, layers)
    for i, size in enumerate([(40, 30), (1, 1), (9, 200), (40, 30)]):
        inputs = {n: random_input(rng, (*size, k), i % 2 == 0, False) for n, k in program.inputs}
        expected = run_plain(program, layers, inputs)
        for name, value in engine.run(inputs).items():
            np.testing.assert_array_equal(value, expected[name])


def test_calls_from_several_threads_wait_for_each_other():
    rng = np.random.default_rng(7)
    program, layers = context_network(rng, 32)
    engine = Engine(program, layers, 2)
    cases = [
        {n: random_input(rng, (30, 31, k), n != "a", False) for n, k in program.inputs}
        for _ in range(4)
    ]
    results = [None] * 4

    def call(i):
        for _ in range(5):
            results[i] = engine.run(cases[i])

    workers = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for case, result in zip(cases, results, strict=True):
        for name, value in run_plain(program, layers, case).items():
            np.testing.assert_array_equal(result[name], value)


def test_macs_count_the_needed_layers():
    rng = np.random.default_rng(8)
    program, layers = context_network(rng, 64)
    expected = 64 * 75 + 9 * 64 + 2 * 64 * 128 + 12 * 64 + 36 * 64
    assert Engine(program, layers).macs == expected
    assert Engine(Program(program.inputs, ("f",), program.steps), layers).macs == 64 * 75


def test_broken_programs_are_refused():
    rng = np.random.default_rng(9)
    layers = {
        "w": random_layer(rng, 4, 3),
        "wide": random_layer(rng, 4, 3, "wide"),
        "d": random_layer(rng, 5),
    }
    layers["wide"].high[:] = 300
    x = (("x", 3),)
    bad = [
        Program(x, ("y",), (Step("conv", "y", ("x",), "none"),)),
        Program(x, ("y",), (Step("conv", "y", ("z",), "w"),)),
        Program(x, ("z",), (Step("conv", "y", ("x",), "w"),)),
        Program(x, ("y",), (Step("fold", "y", ("x",)),)),
        Program(x, ("y",), (Step("conv", "y", ("x",), "d"),)),
        Program(x, ("y",), (Step("unfold", "y", ("x",)),)),
        Program(x, ("y",), (Step("residual", "y", ("x", "x"), "w"),)),
        Program(x, ("z",), (Step("conv", "y", ("x",), "wide"), Step("unfold", "z", ("y",)))),
        Program((), ("y",), ()),
        Program((("x", 0),), ("x",), ()),
        Program(x, (), ()),
    ]
    for program in bad:
        with pytest.raises(PackError):
            Engine(program, layers)
    layers["w"].shift[0] = 25
    with pytest.raises(PackError, match="shift"):
        Engine(Program(x, ("y",), (Step("conv", "y", ("x",), "w"),)), layers)
    layers["w"].shift[0] = 1
    layers["w"].low[0], layers["w"].high[0] = 2, 1
    with pytest.raises(PackError, match="clamp"):
        Engine(Program(x, ("y",), (Step("conv", "y", ("x",), "w"),)), layers)


def test_sums_beyond_the_bound_are_refused():
    weight = np.full((1, 600), 127, np.int8)
    layer = Layer(weight, np.zeros(1, np.int32), np.zeros(1, np.uint8), *np.int16([[0], [255]]))
    with pytest.raises(PackError, match=r"2\*\*24"):
        Engine(Program((("x", 600),), ("y",), (Step("conv", "y", ("x",), "w"),)), {"w": layer})


def test_bad_calls_are_refused():
    rng = np.random.default_rng(10)
    program, layers = context_network(rng, 4)
    engine = Engine(program, layers)
    good = {n: random_input(rng, (4, 4, k), False, False) for n, k in program.inputs}
    for change in (
        {"a": good["a"].astype(np.int16)},
        {"a": good["a"][:3]},
        {"a": good["a"][..., :3]},
        {"a": good["a"][0]},
        {n: v[:0] for n, v in good.items()},
    ):
        with pytest.raises(InputError):
            engine.run({**good, **change})
    with pytest.raises(InputError, match="missing"):
        engine.run({"a": good["a"]})
    with pytest.raises(InputError):
        Engine(program, layers, kernel="neon")
    with pytest.raises(InputError):
        Engine(program, layers, threads=-1)
