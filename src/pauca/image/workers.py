"""Threads that do the tiles of a level, every one with networks of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from pauca.image.networks import Networks

T = TypeVar("T")
S = TypeVar("S")


class Workers:
    """Does the tiles of a row side by side, every thread with networks of its own."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks
        self._spare: SimpleQueue[Networks] = SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None

    def map(self, action: Callable[[Networks, S], T], items: Sequence[S]) -> list[T]:
        """Results of the action on the items, in their order."""
        count = self.networks.threads
        if count < 2 or len(items) < 2:
            return [action(self.networks, item) for item in items]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(count)
            for worker in range(count):
                self._spare.put(self.networks.alone(worker))
        return list(self._pool.map(lambda item: self._lend(action, item), items))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _lend(self, action: Callable[[Networks, S], T], item: S) -> T:
        networks = self._spare.get()
        try:
            return action(networks, item)
        finally:
            self._spare.put(networks)
