"""Levels of a matrix that minimize a quadratic loss plus bits, with errors fed to later columns.

The loss of a linear layer whose weights move by E = Q - W is E H E' in each row, with H the second
moments of the layer's inputs. Two solvers, both over all rows at once and one column at a time:

- `feed_forward`: Optimal Brain Surgeon in a fixed order (GPTQ, Frantar 2023): a column's rounding
  error is cancelled as well as it can be by the columns still free. The bits of those that are
  still free are foreseen by a quadratic, which pulls them towards zero, and the choice of a level
  weighs its own bits (CERWU, Conzelmann and Bamler, arXiv:2505.18758).
- `descend`: coordinate descent on the exact cost from there, each level given all others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pauca.nn.quantize.rates import RateTable, contexts_of, count_rates

Floats = NDArray[np.float64]
Levels = NDArray[np.int64]

_CELLS = 1 << 23  # numbers in the metrics of rows that are solved together
_ALONE = 4.0  # times the work of one factor for all rows that factors for each of them may take
_BLOCK = 64  # columns whose updates are applied together to the rest, for the sake of the cache


@dataclass(frozen=True)
class Problem:
    """min over levels k of sum_i row_weight_i (w_i - k_i s) H (w_i - k_i s)' + lmbda bits(k).

    weights (rows, columns); hessian (columns, columns), symmetric, positive definite; row_weight
    (rows,), above 0; steps (columns,), above 0. The last `free` columns (a bias) cost no
    bits: they are few, and their levels say nothing about the others'. `support` (rows, columns)
    says where levels may differ from 0; None means everywhere.
    """

    weights: Floats
    hessian: Floats
    row_weight: Floats
    steps: Floats
    lmbda: float
    free: int = 0
    support: NDArray[np.bool_] | None = None

    @property
    def priced(self) -> int:
        """Return the number of columns that cost bits."""
        return len(self.steps) - self.free

    def loss(self, levels: Levels) -> float:
        """Return the quadratic part of the cost."""
        error = levels * self.steps - self.weights
        return float((self.row_weight * ((error @ self.hessian) * error).sum(1)).sum())

    def bits(self, levels: Levels) -> float:
        """Return the bits of the levels under tables counted from themselves."""
        priced = levels[:, : self.priced]
        contexts = contexts_of(priced)
        return float(count_rates(priced, contexts).of(priced, contexts).sum())

    def cost(self, levels: Levels) -> float:
        """Return loss + lmbda bits."""
        return self.loss(levels) + self.lmbda * self.bits(levels)

    def freed(self) -> Problem:
        """Return the problem without its support, with what that has foreseen: it serves better."""
        free = replace(self, support=None)
        vars(free)["regularized"] = self.regularized
        return free

    @cached_property
    def regularized(self) -> tuple[Floats, Floats, float]:
        """What `feed_forward` starts from: target, the factor of the metric's inverse, pull."""
        # Completing the square moves the target to W H (H + r I)^-1 and the metric to H + r I.
        pull, ridge = stand_in(self)
        metric = self.hessian.copy()
        metric[np.diag_indices(self.priced)] += ridge
        upper = inverse_factor(metric)
        return self.weights @ self.hessian @ upper.T @ upper, upper, pull


def feed_forward(problem: Problem, rates: RateTable) -> Levels:
    """Return levels (rows, columns) chosen from the first column to the last, with error feedback.

    `rates` prices a level in the context of the two levels to its left.
    """
    support = problem.support
    if support is not None and cheap_alone(support):
        return feed_forward_sparse(problem, support, rates)
    target, upper, pull = problem.regularized
    work = target.copy()
    rows, columns = work.shape
    levels = np.zeros((rows, columns), np.int64)
    price = problem.lmbda / problem.row_weight
    for start in range(0, columns, _BLOCK):
        stop = min(start + _BLOCK, columns)
        errors = np.zeros((rows, stop - start))
        for j in range(start, stop):
            pivot = upper[j, j]
            if j < problem.priced:
                terms = Terms(1.0 / pivot**2, price, pull)
                contexts = _context(levels, j)
                levels[:, j] = choose(work[:, j], problem.steps[j], terms, rates, contexts)
            else:
                levels[:, j] = np.rint(work[:, j] / problem.steps[j])
            if support is not None:
                levels[~support[:, j], j] = 0
            error = (work[:, j] - levels[:, j] * problem.steps[j]) / pivot
            errors[:, j - start] = error
            work[:, j + 1 : stop] -= error[:, None] * upper[j, j + 1 : stop]
        work[:, stop:] -= errors @ upper[start:stop, stop:]
    return levels


def cheap_alone(support: NDArray[np.bool_]) -> bool:
    """Whether a factor for the columns of every row takes little more work than one for all rows,
    which lets zeros take a part of the feedback that could not move them.
    """
    work = float((support.sum(1).astype(np.float64) ** 3).sum())
    return work <= _ALONE * float(support.shape[1]) ** 3


def feed_forward_sparse(problem: Problem, support: NDArray[np.bool_], rates: RateTable) -> Levels:
    """As `feed_forward`, every row over its own columns alone, with the metric of those columns."""
    pull, ridge = stand_in(problem)
    pulled = problem.weights @ problem.hessian
    counts = support.sum(1)
    levels = np.zeros(problem.weights.shape, np.int64)
    order = np.argsort(counts, kind="stable")  # rows of like counts need little padding
    start = 0
    while start < len(order):
        cells = counts[order[start:]].astype(np.int64) ** 2
        cells *= np.arange(1, len(cells) + 1)  # if the rows from `start` up to here go together
        stop = start + max(1, int(np.searchsorted(cells, _CELLS)))
        rows = order[start:stop]
        own = _RowsOwn.of(problem, pulled, rows, support[rows], ridge)
        _choose_along(problem, own, pull, rates, levels)
        start = stop
    return levels


@dataclass
class _RowsOwn:
    # Some rows, each over m columns of its own, short ones padded with columns that stand alone:
    # target (n, m) and the factor of the metric's inverse (n, m, m).
    rows: Levels
    columns: Levels
    valid: NDArray[np.bool_]
    target: Floats
    upper: Floats

    @classmethod
    def of(
        cls,
        problem: Problem,
        pulled: Floats,
        rows: Levels,
        support: NDArray[np.bool_],
        ridge: float,
    ) -> _RowsOwn:
        width = max(1, int(support.sum(1).max()))
        columns = np.argsort(~support, axis=1, kind="stable")[:, :width]
        valid = np.take_along_axis(support, columns, 1)
        metric = problem.hessian[columns[:, :, None], columns[:, None, :]]
        metric *= valid[:, :, None] & valid[:, None, :]
        diagonal = np.arange(width)
        metric[:, diagonal, diagonal] += np.where(valid, ridge * (columns < problem.priced), 1.0)
        upper = inverse_factor(metric)
        b = np.where(valid, pulled[rows[:, None], columns], 0.0)
        target = np.asarray(upper.transpose(0, 2, 1) @ (upper @ b[:, :, None]), np.float64)
        return cls(rows, columns, valid, target[:, :, 0], upper)


def _choose_along(
    problem: Problem, own: _RowsOwn, pull: float, rates: RateTable, levels: Levels
) -> None:
    price = problem.lmbda / problem.row_weight[own.rows]
    for p in range(own.columns.shape[1]):
        column = own.columns[:, p]
        pivot, wanted, step = own.upper[:, p, p], own.target[:, p], problem.steps[column]
        terms = Terms(1.0 / pivot**2, price, pull)
        chosen = choose(wanted, step, terms, rates, _context_at(levels, own.rows, column))
        unpriced = column >= problem.priced
        chosen[unpriced] = np.rint(wanted / step).astype(np.int64)[unpriced]
        chosen[~own.valid[:, p]] = 0
        levels[own.rows[own.valid[:, p]], column[own.valid[:, p]]] = chosen[own.valid[:, p]]
        error = (wanted - chosen * step) / pivot
        own.target[:, p + 1 :] -= error[:, None] * own.upper[:, p, p + 1 :]


def descend(problem: Problem, levels: Levels, rates: RateTable) -> tuple[Levels, int]:
    """Return the levels after one sweep over the columns, and how many of them changed."""
    levels = levels.copy()
    error = levels * problem.steps - problem.weights
    price = problem.lmbda / problem.row_weight
    changed = 0
    for start in range(0, levels.shape[1], _BLOCK):
        stop = min(start + _BLOCK, levels.shape[1])
        gradient = error @ problem.hessian[:, start:stop]
        for j in range(start, stop):
            curvature = problem.hessian[j, j]
            step = problem.steps[j]
            best = levels[:, j] * step - gradient[:, j - start] / curvature
            if j < problem.priced:
                terms = Terms(curvature, price, 0.0)
                chosen = choose(best, step, terms, rates, _context(levels, j))
            else:
                chosen = np.rint(best / step).astype(np.int64)
            if problem.support is not None:
                chosen[~problem.support[:, j]] = 0
            moved = (chosen - levels[:, j]) * step
            if moved.any():
                changed += int(np.count_nonzero(moved))
                levels[:, j] = chosen
                error[:, j] += moved
                gradient += moved[:, None] * problem.hessian[j, start:stop]
    return levels, changed


def inverse_factor(metric: Floats) -> Floats:
    """Return the upper triangular U with U' U the inverse of positive definite (..., n, n).

    The factor of the metric with both orders reversed is the inverse of what is wanted, and a
    triangle is inverted by halves: a third of the time of an inverse and its factor.
    """
    lower = np.asarray(np.linalg.cholesky(metric[..., ::-1, ::-1]), np.float64)
    return np.ascontiguousarray(_inverse_of_lower(lower)[..., ::-1, ::-1])


def _inverse_of_lower(lower: Floats) -> Floats:
    size = lower.shape[-1]
    if size <= 2 * _BLOCK:
        return np.asarray(np.linalg.inv(lower), np.float64)
    half = size // 2
    out = np.zeros_like(lower)
    first = out[..., :half, :half] = _inverse_of_lower(lower[..., :half, :half])
    last = out[..., half:, half:] = _inverse_of_lower(lower[..., half:, half:])
    out[..., half:, :half] = -last @ (lower[..., half:, :half] @ first)
    return out


def stand_in(problem: Problem) -> tuple[float, float]:
    """Return what stands for the bits of weights still free: the quadratic -log2 of a Gaussian with
    the variance of those that may differ from zero, in bits and as a ridge on the Hessian.
    """
    priced = problem.weights[:, : problem.priced]
    if problem.support is not None:
        priced = priced[problem.support[:, : problem.priced]]
    pull = 1.0 / (2.0 * np.log(2.0) * (float((priced**2).sum()) / max(priced.size, 1) + 1e-30))
    return pull, problem.lmbda * pull / float(problem.row_weight.mean())


@dataclass(frozen=True)
class Terms:
    """curvature (q - wanted)^2 + price (bits - pull q^2), the prices one a row."""

    curvature: float | Floats
    price: Floats
    pull: float


def choose(
    wanted: Floats, step: float | Floats, terms: Terms, rates: RateTable, contexts: Levels
) -> Levels:
    """Return the level of least cost for each of `wanted`, priced in its context.

    The candidates: both neighbours, one further towards zero, and zero.
    """
    scaled = wanted / step
    near = np.rint(scaled).astype(np.int64)
    sign = np.where(scaled >= 0, 1, -1)
    trial = np.stack([near, near - sign, near - 2 * sign, np.zeros_like(near)])
    trial[1:3] *= trial[1:3] * sign >= 0  # never across zero
    cost = terms.curvature * (trial * step - wanted) ** 2
    bits = rates.of(trial, contexts)
    if terms.pull:  # the metric already charged the quadratic stand-in
        bits -= terms.pull * (trial * step) ** 2
    cost += terms.price * bits
    chosen: Levels = np.take_along_axis(trial, cost.argmin(0)[None], 0)[0]
    return chosen


def _context(levels: Levels, j: int) -> Levels:
    out = np.zeros(len(levels), np.int64)
    for back in (1, 2):
        if j >= back:
            out += np.minimum(np.abs(levels[:, j - back]), 2)
    return out


def _context_at(levels: Levels, rows: Levels, columns: Levels) -> Levels:
    out = np.zeros(len(rows), np.int64)
    for back in (1, 2):
        before = np.minimum(np.abs(levels[rows, np.maximum(columns - back, 0)]), 2)
        out += np.where(columns >= back, before, 0)
    return out
