"""How long something takes: the best of many runs, which is the one that nobody interrupted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


def best_ms(action: Callable[[], object], seconds: float = 0.5) -> float:
    """Return the best time of `action` within `seconds` of trying, in ms, after two to warm up."""
    for _ in range(2):
        action()
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end or best == math.inf:
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
    return 1000 * best
