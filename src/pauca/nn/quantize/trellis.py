"""Dependent (trellis-coded) quantization: two interleaved quantizers, the parity of levels decides.

Quantizer 0 reconstructs at the even multiples of `step`, quantizer 1 at the odd ones and at 0. A
machine of 4 or 8 states walks along the levels in row-major order; its state picks the quantizer of
the next level, the parity of the level moves it on. Points are twice as dense as either quantizer
is, at the rate of one of them. As in VVC (ITU-T H.266, 8.7.3; Schwarz et al., IEEE TCSVT 31(10),
2021) and ISO/IEC 15938-17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn.quantize.layout import (
    PerTensor,
    Weights,
    as_levels,
    as_matrix,
    checked,
    checked_importance,
    of_tensor,
    step_of,
)
from pauca.nn.quantize.rates import RateTable, count_rates

Floats = NDArray[np.float64]
Levels = NDArray[np.int64]

# NEXT[states][state, parity of the level]; QUANTIZER[states][state].
NEXT = {
    4: np.array([[0, 2], [2, 0], [1, 3], [3, 1]], np.int64),
    8: np.array([[0, 2], [5, 7], [1, 3], [6, 4], [2, 0], [4, 6], [3, 1], [7, 5]], np.int64),
}
QUANTIZER = {
    4: np.array([0, 0, 1, 1], np.int64),
    8: np.array([0, 1, 0, 1, 0, 1, 0, 1], np.int64),
}

# The step at which a trellis does as well as a plain quantizer of step 1: its two quantizers then
# have steps of 1.12, a little more than 1, which is where the bits are saved.
_EQUIVALENT = 0.5 * 2.0 ** (1.0 / 6.0)
_LANE = 1024  # levels in one lane; lanes start and end in state 0, so that they are independent
_GROUP = 512  # lanes searched at once
_ROUNDS = 3  # searches, each under the rates that the last one's levels have


@dataclass(frozen=True)
class TrellisOptions:
    """Options of dependent quantization.

    `step`: that of the plain quantizer of about the same error; `lmbda`: price of a bit in squared
    steps times the tensor's mean importance; `states`: 4, 8, or 0 for the better one per tensor,
    plain quantization (states 0 in the result) included.
    """

    step: PerTensor
    lmbda: PerTensor = 0.05
    states: int = 0


@dataclass(frozen=True)
class Dependent:
    """A tensor in dependent levels: int32 in its shape; `states` 4 or 8, or 0: plain multiples."""

    levels: NDArray[np.int32]
    step: float
    states: int

    def values(self) -> NDArray[np.float64]:
        """Return the values that a decoder gives before rounding to the tensor's type."""
        return np.float64(np.float32(self.step)) * dependent_multiples(self.levels, self.states)


def quantize_trellis(
    weights: Weights, options: TrellisOptions, importance: Weights | None = None
) -> dict[str, Dependent]:
    """Return every tensor in dependent levels; `importance` weighs errors, 1 if not given."""
    if options.states not in (0, 4, 8):
        raise InputError("a trellis has 4 or 8 states, or 0 to choose")
    kinds = (0, 4, 8) if options.states == 0 else (options.states,)
    out = {}
    for name, array in weights.items():
        values = as_matrix(checked(array, name)).reshape(-1)
        factor = checked_importance(importance, name, array.shape)
        factors = np.ones(values.size) if factor is None else factor.reshape(-1)
        step = step_of(options.step, name)
        price = of_tensor(options.lmbda, name) * step * step
        price *= float(factors.mean()) if factors.size else 1.0
        found = [_search(values, factors, step, price, states) for states in kinds]
        _, best = min(found, key=lambda pair: pair[0])
        levels = as_levels(best.levels, name).reshape(array.shape)
        out[name] = Dependent(levels, best.step, best.states)
    return out


def dependent_multiples(levels: NDArray[Any], states: int) -> Levels:
    """Return the multiple of the step that each level stands for, in the levels' shape.

    The machine starts in state 0 and walks in row-major order through the whole tensor: in a state
    of quantizer 0 the multiple is 2 k, in one of quantizer 1 it is 2 k - sign(k).
    """
    wide = levels.astype(np.int64)
    if states == 0:
        return wide
    if states not in NEXT:
        raise InputError("a trellis has 4 or 8 states")
    flat = wide.reshape(-1)
    odd = QUANTIZER[states][_walk(flat & 1, NEXT[states])]
    multiples: Levels = 2 * flat - odd * np.sign(flat)
    return multiples.reshape(wide.shape)


def _walk(parity: Levels, following: Levels) -> Levels:
    # Lanes side by side from every possible start, then the true start of each lane in turn.
    n, states = parity.size, len(following)
    length = max(1, int(np.sqrt(n)))
    lanes = -(-n // length)
    bits = np.pad(parity, (0, lanes * length - n)).reshape(lanes, length)
    ends: Levels = np.repeat(np.arange(states)[None], lanes, 0)
    for t in range(length):
        ends = following[ends, bits[:, t, None]]
    state: Levels = np.zeros(lanes, np.int64)
    for lane in range(1, lanes):
        state[lane] = ends[lane - 1, state[lane - 1]]
    out = np.empty((lanes, length), np.int64)
    for t in range(length):
        out[:, t] = state
        state = following[state, bits[:, t]]
    return out.reshape(-1)[:n]


def _search(
    values: Floats, factors: Floats, step: float, price: float, states: int
) -> tuple[float, Dependent]:
    # Returns loss + price * bits, and the levels.
    inner = step if states == 0 else float(np.float32(step * _EQUIVALENT))
    scaled = values / inner
    weight = factors * inner * inner
    levels = np.rint(values / step).astype(np.int64)
    which = np.zeros(values.size, np.int64)
    best: tuple[float, Dependent] | None = None
    for _ in range(_ROUNDS):
        rates = count_rates(levels, which)
        if states == 0:
            levels = _plain(scaled, weight, price, rates)
        else:
            levels = _viterbi(scaled, weight, price, rates, states)
            which = QUANTIZER[states][_walk(levels & 1, NEXT[states])]
        multiples = levels if states == 0 else 2 * levels - which * np.sign(levels)
        loss = float((weight * (multiples - scaled) ** 2).sum())
        cost = loss + price * float(count_rates(levels, which).of(levels, which).sum())
        if best is None or cost < best[0]:
            best = cost, Dependent(levels.astype(np.int32), inner, states)
    assert best is not None
    return best


def _plain(scaled: Floats, weight: Floats, price: float, rates: RateTable) -> Levels:
    near = np.rint(scaled).astype(np.int64)
    trial = np.stack([near, near - np.sign(near), np.zeros_like(near)])
    cost = weight * (trial - scaled) ** 2 + price * rates.of(trial, np.zeros_like(near))
    chosen: Levels = np.take_along_axis(trial, cost.argmin(0)[None], 0)[0]
    return chosen


def _viterbi(scaled: Floats, weight: Floats, price: float, rates: RateTable, states: int) -> Levels:
    out = []
    size = _LANE * _GROUP
    for start in range(0, scaled.size, size):
        part = slice(start, start + size)
        last = start + size >= scaled.size
        out.append(_viterbi_group(scaled[part], weight[part], price, rates, states, last))
    return np.concatenate(out) if out else np.zeros(0, np.int64)


def _viterbi_group(
    scaled: Floats, weight: Floats, price: float, rates: RateTable, states: int, last: bool
) -> Levels:
    n = scaled.size
    lanes = -(-n // _LANE)
    costs, choices = _branches(scaled, weight, price, rates)
    costs = np.pad(costs, ((0, lanes * _LANE - n), (0, 0))).reshape(lanes, _LANE, 4)
    source, branch = _predecessors(states)
    total = np.full((lanes, states), np.inf)
    total[:, 0] = 0.0
    back = np.empty((_LANE, lanes, states), np.uint8)
    for t in range(_LANE):
        arriving = total[:, source] + costs[:, t, branch]  # (lanes, states, 2)
        second = arriving[:, :, 1] < arriving[:, :, 0]
        back[t] = second
        total = np.where(second, arriving[:, :, 1], arriving[:, :, 0])
    state = np.zeros(lanes, np.int64)
    if last:  # nothing follows the last lane, and what pads it is free
        state[-1] = total[-1].argmin()
    taken = np.empty((lanes, _LANE), np.int64)
    row = np.arange(lanes)
    for t in range(_LANE - 1, -1, -1):
        way = back[t, row, state]
        taken[:, t] = branch[state, way]
        state = source[state, way]
    chosen: Levels = np.take_along_axis(choices, taken.reshape(-1)[:n, None], 1)[:, 0]
    return chosen


def _branches(
    scaled: Floats, weight: Floats, price: float, rates: RateTable
) -> tuple[Floats, Levels]:
    # The cheapest level of each quantizer and parity, (n, 4): index 2 quantizer + parity.
    costs = np.empty((scaled.size, 4))
    choices = np.empty((scaled.size, 4), np.int64)
    for quantizer in (0, 1):
        near = np.rint((scaled + quantizer * np.sign(scaled)) / 2).astype(np.int64)
        trial = np.stack([near - 1, near, near + 1, np.zeros_like(near)], 1)
        value = 2 * trial - quantizer * np.sign(trial)
        cost = weight[:, None] * (value - scaled[:, None]) ** 2
        cost += price * rates.of(trial, np.full_like(trial, quantizer))
        for parity in (0, 1):
            masked = np.where((trial & 1) == parity, cost, np.inf)
            best = masked.argmin(1)[:, None]
            costs[:, 2 * quantizer + parity] = np.take_along_axis(masked, best, 1)[:, 0]
            choices[:, 2 * quantizer + parity] = np.take_along_axis(trial, best, 1)[:, 0]
    return costs, choices


def _predecessors(states: int) -> tuple[Levels, Levels]:
    # For each state the two states before it, and the branch (2 quantizer + parity) from each.
    source = np.empty((states, 2), np.int64)
    branch = np.empty((states, 2), np.int64)
    for state in range(states):
        ways = np.argwhere(NEXT[states] == state)
        source[state] = ways[:, 0]
        branch[state] = 2 * QUANTIZER[states][ways[:, 0]] + ways[:, 1]
    return source, branch
