"""How long something takes: the best of many runs, which is the one that nobody interrupted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


def best_ms(
    action: Callable[[], object],
    seconds: float = 0.5,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the best time of `action` within `seconds` of trying, in ms, after two to warm up.

    `time.process_time` as the clock leaves out other processes; it is for one thread.
    """
    for _ in range(2):
        action()
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end or best == math.inf:
        start = clock()
        action()
        best = min(best, clock() - start)
    return 1000 * best
