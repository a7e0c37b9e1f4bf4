"""How well a detector separates labelled names: figures, their confidence, families."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.apps.dga.data import Names
from pauca.apps.dga.figures import Figures, figures

Score = Callable[[Sequence[bytes]], NDArray[np.float64]]
FORMAT = "pauca-dga-eval/1"


@dataclass(frozen=True)
class Family:
    """Names of a family and the share of them at or above the threshold."""

    family: str
    names: int
    flagged: float


@dataclass(frozen=True)
class Report:
    """`low` and `high`: 95 % intervals by bootstrap over names, drawn within each label.

    `rate`: names a second of processor time, scored parts to scores, one thread.
    """

    detector: str
    data: str
    names: int
    generated: int
    rejected: dict[str, int]
    threshold: float
    false_positives: float
    figures: Figures
    low: Figures
    high: Figures
    rate: float
    families: list[Family]

    def record(self) -> dict[str, Any]:
        """Return every number, for JSON."""
        record = {"format": FORMAT} | asdict(self)
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in record.items()}


def evaluate(
    names: Names, score: Score, threshold: float, what: tuple[str, str], draws: int, seed: int = 0
) -> Report:
    """Score `names` and return the report; `what` is detector and data for its head.

    A name without a scored part is no part of the figures; `rejected` counts them.
    """
    began = time.process_time()
    scores = score(names.part)
    seconds = max(time.process_time() - began, 1e-9)
    low, high = intervals(names.label, scores, draws, seed)
    flagged = scores >= threshold
    counts = Counter(names.family.tolist())
    families = [
        Family(family, count, float(flagged[names.family == family].mean()))
        for family, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return Report(
        *what,
        len(names),
        int(names.label.sum()),
        dict(names.rejected),
        threshold,
        float(flagged[~names.label].mean()) if not names.label.all() else np.nan,
        figures(names.label, scores),
        low,
        high,
        len(names) / seconds,
        families,
    )


def intervals(
    label: NDArray[np.bool_], score: NDArray[np.float64], draws: int, seed: int
) -> tuple[Figures, Figures]:
    """Return the 2.5 and 97.5 % points of the figures over `draws` bootstrap samples."""
    rng = np.random.default_rng(seed)
    positive, negative = score[label], score[~label]
    marks = np.repeat([True, False], [len(positive), len(negative)])
    found = []
    for _ in range(draws):
        drawn = np.concatenate([rng.choice(part, len(part)) for part in (positive, negative)])
        found.append(list(asdict(figures(marks, drawn)).values()))
    if not found:
        found = [list(asdict(figures(label, score)).values())]
    low, high = np.quantile(np.array(found), [0.025, 0.975], axis=0)
    return Figures(*low.tolist()), Figures(*high.tolist())


def markdown(report: Report) -> str:
    """Return the report as tables."""
    head = [
        f"# {report.detector} on {report.data}",
        "",
        f"{report.names} names, {report.generated} of them generated; "
        f"{sum(report.rejected.values())} rows rejected; {report.rate:.0f} names a second, "
        "one thread.",
        "",
        "| figure | value | 95 % interval |",
        "|---|---:|---:|",
    ]
    titles = ("AUC", "TPR at FPR 1e-2", "TPR at FPR 1e-3")
    values = [asdict(f).values() for f in (report.figures, report.low, report.high)]
    for title, value, low, high in zip(titles, *values, strict=True):
        head.append(f"| {title} | {value:.5f} | {low:.5f} .. {high:.5f} |")
    head += [
        "",
        f"At the threshold {report.threshold}: false positives {report.false_positives:.5f}; "
        "flagged by family:",
        "",
        "| family | names | flagged |",
        "|---|---:|---:|",
    ]
    head += [f"| {f.family} | {f.names} | {f.flagged:.4f} |" for f in report.families]
    return "\n".join(head) + "\n"
