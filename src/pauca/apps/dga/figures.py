"""How well scores separate generated names from others."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

RATES = (1e-2, 1e-3)  # of false positives


@dataclass(frozen=True)
class Figures:
    """Area under the receiver's curve, and true positive rates at two false positive rates."""

    auc: float
    tpr_1e2: float
    tpr_1e3: float

    def rounded(self) -> dict[str, float]:
        """Return the figures by name, to five decimals."""
        return {name: round(value, 5) for name, value in asdict(self).items()}


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return scores between 0 and 1, float64, without overflow."""
    scores: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -50, 50)))
    return scores


def figures(label: NDArray[np.bool_], score: NDArray[np.floating]) -> Figures:
    """Return the figures of `score` (n,) for `label` (n,); nan where one of the labels is missing.

    The area counts ties half. A true positive rate is that at the lowest threshold whose false
    positives (scores at or above it) are at most the rate.
    """
    positive, negative = np.sort(score[label]), np.sort(score[~label])
    if not len(positive) or not len(negative):
        return Figures(np.nan, np.nan, np.nan)
    below = np.searchsorted(negative, positive, "left") + np.searchsorted(
        negative, positive, "right"
    )
    auc = float(below.mean() / (2 * len(negative)))
    at = [float((positive >= threshold(negative, rate)).mean()) for rate in RATES]
    return Figures(auc, *at)


def threshold(negative: NDArray[np.floating], rate: float) -> float:
    """Return the lowest threshold that at most `rate` of the ascending `negative` reach."""
    allowed = int(rate * len(negative))
    if allowed >= len(negative):
        return -np.inf
    return float(np.nextafter(negative[len(negative) - 1 - allowed], np.inf))
