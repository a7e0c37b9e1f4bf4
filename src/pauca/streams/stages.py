"""Stages that work at the same time: threads joined by short queues, ended by the first failure."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

AHEAD = 4  # items that wait between two stages
T = TypeVar("T")


class Stages:
    """Runs one stage in the calling thread and the others in threads of their own."""

    def __init__(self) -> None:
        self._failure: BaseException | None = None
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether a stage has failed, so that the others are to end."""
        return self._stopped.is_set()

    @staticmethod
    def line(size: int = AHEAD) -> queue.Queue[Any]:
        """Return a queue between two stages, for `put` and `items`."""
        return queue.Queue(size)

    def put(self, to: queue.Queue[Any], item: Any) -> None:
        """Wait until there is room in `to`, or all is stopped; None ends the stage that reads."""
        while not self.stopped:
            with contextlib.suppress(queue.Full):
                to.put(item, timeout=0.2)
                return

    def items(self, source: queue.Queue[Any]) -> Iterator[Any]:
        """Yield what is put into `source` until None, or until all is stopped."""
        while not self.stopped:
            with contextlib.suppress(queue.Empty):
                item = source.get(timeout=0.2)
                if item is None:
                    return
                yield item

    def run(self, main: Callable[[], T], *others: Callable[[], None]) -> T:
        """Run all stages to their end and return what `main` does; raise the first failure."""
        threads = [threading.Thread(target=self._guard, args=(stage,)) for stage in others]
        for thread in threads:
            thread.start()
        try:
            result = main()
        except BaseException:
            self._stopped.set()
            raise
        finally:
            for thread in threads:
                thread.join()
        if self._failure is not None:
            raise self._failure
        return result

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except BaseException as error:
            self._failure = self._failure or error
            self._stopped.set()
