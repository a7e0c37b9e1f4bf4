"""Fitting a filter to a scene: the change of its head that pays for its own bits (spec/filter.md).

The head is linear in features that do not change, so the squared error of every change is a
quadratic form that one pass over the frames collects. Levels are chosen on that form, one
coordinate after another, under the price of their bits (second-order rate-distortion quantization:
the exact Hessian in place of the diagonal that DeepCABAC weighs by, arXiv:1907.11900).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pauca._core import cells_windows, upscale_interpolate
from pauca.errors import InputError
from pauca.pack.filters import FOLD, HEAD, FilterPack
from pauca.pack.intnet import Layer, Program
from pauca.pack.runtime import Runner, make_runner
from pauca.video.filters.cells import side_channels
from pauca.video.filters.filter import Filter, Planes
from pauca.video.filters.quantize import Problem, best_changes
from pauca.video.filters.update import UNIT, Update, changed_head, encode_update

SAMPLE = 4096  # cells of a frame that results are measured on
DENSE = 32  # frames of a scene that are all looked at; later ones ever fewer

Scene = Iterable[tuple[Planes, Planes, int]]


def fit(
    filter: Filter, scene: Scene, rate_weight: float, budget_seconds: float, codec: str
) -> bytes | None:
    """The payload for a scene of (original, decoded, qp): b"" for the filter as it comes, None
    where no filter pays.

    `rate_weight`: squared error (8-bit levels, summed over all samples of Y, U and V of the scene)
    that a bit is worth, see `price`. `budget_seconds`: no further frames are looked at after. For
    scale 2 originals have twice the sides. Raises `InputError` on a scene without frames.
    """
    if not 0 <= rate_weight < np.inf:
        raise InputError("the rate weight must be a number, not negative")
    sums = gather(filter.pack, scene, budget_seconds, codec)
    return choose(filter.pack, sums, rate_weight)


@dataclass
class Sums:
    """What a pass over a scene collects, in 1/64 levels, of C features and a constant, and some
    cells to measure on: what rounding to whole levels does, no quadratic form knows.
    """

    gram: NDArray[np.float64]  # (C + 1, C + 1)
    cross: NDArray[np.float64]  # (C + 1, O): with what the filter as it comes leaves
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True)
class Sample:
    """Some cells of a frame: what the head reads (n, C), decoded (n, O) in 1/64 levels, original
    (n, O) in levels, and how many cells of the scene each stands for.
    """

    features: NDArray[np.uint8]
    base: NDArray[np.int32]
    target: NDArray[np.int32]
    weight: float


def gather(pack: FilterPack, scene: Scene, budget_seconds: float, codec: str) -> Sums:
    """One pass over the scene; of long ones a share of the frames stands for the rest."""
    began = time.monotonic()
    size = pack.layers[HEAD].weight.shape[1] + 1
    sums = Sums(np.zeros((size, size)), np.zeros((size, sum(pack.outputs))))
    runner = _feature_runner(pack)
    seen, taken = 0.0, 0.0
    for number, (original, decoded, qp) in enumerate(scene):
        seen += 1
        stride = 1 << max(0, (number // DENSE).bit_length())
        late = time.monotonic() - began > budget_seconds
        if taken and (number % stride or late):
            continue
        weight = 1.0 if number < DENSE else float(stride)
        _add_frame(pack, runner, sums, (original, decoded), side_channels(codec, qp), weight)
        taken += weight
    if not taken:
        raise InputError("a scene has no frames")
    sums.gram *= seen / taken
    sums.cross *= seen / taken
    sums.samples = [replace(s, weight=s.weight * seen / taken) for s in sums.samples]
    return sums


def _feature_runner(pack: FilterPack) -> Runner:
    """The program up to what the head reads, and the head beside it."""
    features = pack.program.steps[-1].sources[0]
    program = Program(pack.program.inputs, (features, HEAD), pack.program.steps)
    return make_runner("native", program, pack.layers, 1)


def _add_frame(
    pack: FilterPack, runner: Runner, sums: Sums, frames: tuple[Planes, Planes],
    side: NDArray[np.uint8], weight: float,
) -> None:  # fmt: skip
    original, decoded = frames
    windows = cells_windows(*decoded, pack.margin, side)
    found = runner.run({pack.program.inputs[0][0]: windows})
    features = found[pack.program.steps[-1].sources[0]]
    base, target, inside = _cells(pack, original, decoded)
    head = found[HEAD].reshape(base.shape)[inside]
    base, target = base[inside], target[inside]
    if not len(base):  # a frame of one row or column: nothing to learn from
        return
    seen = features.reshape(-1, features.shape[2])[inside].astype(np.uint8, copy=False)
    x = np.empty((len(base), features.shape[2] + 1), np.float32)
    x[:, :-1] = seen
    x[:, : pack.direct] -= 128
    x[:, -1] = UNIT
    sums.gram += weight * (x.T @ x)
    sums.cross += weight * (x.T @ (64 * target - base - head).astype(np.float32))
    stride = -(-len(base) // SAMPLE)
    some = slice(len(sums.samples) % stride, None, stride)
    picked = base[some]
    share = weight * inside.size / len(picked)
    sums.samples.append(Sample(seen[some], picked, target[some], share))


def measured(sums: Sums, head: Layer | None, parts: Sequence[slice]) -> NDArray[np.float64]:
    """Squared error of the scene by plane, in levels, with a head, or without a filter."""
    errors = np.zeros(len(parts))
    for sample in sums.samples:
        mended = sample.base
        if head is not None:
            # Exact: sums stay below 2^24.
            total = sample.features.astype(np.float32) @ head.weight.T.astype(np.float32)
            residual = (total.astype(np.int32) + head.bias) >> head.shift
            mended = mended + residual.clip(head.low, head.high)
        error = np.square(((mended + 32) >> 6).clip(0, 255) - sample.target).sum(0)
        errors += [sample.weight * float(error[part].sum()) for part in parts]
    return errors


def _parts(pack: FilterPack) -> list[slice]:
    """Rows of the head by plane."""
    ends = np.cumsum([0, *pack.outputs]).tolist()
    return [slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]


def _cells(
    pack: FilterPack, original: Planes, decoded: Planes
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """Decoded samples in 1/64 levels, at the size of the result, and originals in levels, each
    (cells, O), and which cells lie wholly inside the frame.
    """
    bases, targets = [], []
    h, w = decoded[1].shape
    scale = pack.scale
    tall, wide = (scale * side for side in decoded[0].shape)
    sizes = [(tall, wide)] + 2 * [(-(-tall // 2), -(-wide // 2))]
    if [plane.shape for plane in original] != sizes:
        raise InputError(f"originals must be {tall} x {wide}, 4:2:0, as the filter's output")
    for small, large, fold in zip(decoded, original, (FOLD, 1, 1), strict=True):
        sixteenths = padded(small, h * fold, w * fold).astype(np.int16) << np.int16(4)
        if scale == 2:
            sixteenths = upscale_interpolate(sixteenths, 2, 1)
        side = fold * scale
        bases.append(_unshuffled(sixteenths, side))
        targets.append(_unshuffled(padded(large, h * side, w * side), side))
    inside = np.zeros((h, w), np.bool_)
    inside[: decoded[0].shape[0] // FOLD, : decoded[0].shape[1] // FOLD] = True
    base, target = (np.concatenate(parts, 1).astype(np.int32) for parts in (bases, targets))
    return 4 * base, target, inside.reshape(-1)


def padded(plane: NDArray[np.generic], height: int, width: int) -> NDArray[np.generic]:
    """The plane with its last row and column repeated up to these sides."""
    rows, columns = height - plane.shape[0], width - plane.shape[1]
    full = np.pad(plane, ((0, rows), (0, columns)), mode="edge") if rows or columns else plane
    return np.ascontiguousarray(full)


def _unshuffled(plane: NDArray[np.generic], side: int) -> NDArray[np.generic]:
    """(h side, w side) to (h w, side side)."""
    h, w = plane.shape[0] // side, plane.shape[1] // side
    return plane.reshape(h, side, w, side).transpose(0, 2, 1, 3).reshape(h * w, side * side)


def choose(pack: FilterPack, sums: Sums, rate_weight: float) -> bytes | None:
    """The cheapest by squared error plus price of bits: nothing, the filter as it comes, an update.

    Every plane takes the best of its own three choices first.
    """
    head, parts = pack.layers[HEAD], _parts(pack)
    found = best_changes(Problem(sums.gram, sums.cross, head, parts), rate_weight)
    all_changes = {p: (c.exponent, c.levels) for p, c in enumerate(found) if c is not None}
    everything = Update((True, True, True), all_changes)
    plain, generic = (measured(sums, h, parts) for h in (None, head))
    fitted = measured(sums, changed_head(head, everything, pack.outputs, pack.direct), parts)
    costs = fitted + [rate_weight * c.bits if c else np.inf for c in found]
    changes = {p: all_changes[p] for p in all_changes if costs[p] < min(plain[p], generic[p])}
    mended = [p in changes or bool(generic[p] < plain[p]) for p in range(len(parts))]
    errors = np.array(
        [fitted[p] if p in changes else min(plain[p], generic[p]) for p in range(len(parts))]
    )
    best, choice = float(plain.sum()), None
    if any(mended):
        payload = encode_update(Update((mended[0], mended[1], mended[2]), changes))
        options = [(payload, float(errors.sum())), (b"", float(generic.sum()))]
        for data, error in options:
            cost = error + rate_weight * 8 * len(data)
            if cost < best:
                best, choice = cost, data
    return choice
