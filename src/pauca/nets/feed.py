"""What feeds a training loop: batches made ahead of their use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AHEAD = 4
Batch = TypeVar("Batch")


def ahead(make: Callable[[], Batch]) -> Iterator[Batch]:
    """Endless results of `make`, called in order by a thread that is a few batches ahead.

    What `make` raises is raised where its batch would have come.
    """
    thread = ThreadPoolExecutor(1)
    waiting = deque(thread.submit(make) for _ in range(AHEAD))
    while True:
        batch = waiting.popleft().result()
        waiting.append(thread.submit(make))
        yield batch
