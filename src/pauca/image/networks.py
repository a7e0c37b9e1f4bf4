"""The networks of a picture pack, made for a runtime when first used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pauca.pack.image import ImagePack
from pauca.pack.runtime import Runner, make_runner

SHARED_FROM = 4  # levels from here on use the networks of this one


@dataclass(frozen=True)
class Networks:
    """The context networks of a pack on one runtime."""

    pack: ImagePack
    runtime: str
    threads: int
    worker: int = 0  # several with one pack may run at the same time if these differ

    def alone(self, worker: int) -> Networks:
        """The same on one thread, for the worker of this number, from 0."""
        return replace(self, threads=1, worker=1 + worker)

    def reach(self, name: str) -> int:
        """How many cells around a cell a program sees."""
        layers = self.pack.layers
        return sum(
            step.layer in layers and layers[step.layer].depthwise
            for step in self.pack.programs[name].steps
        )

    def run(
        self, level: int, part: str, inputs: Mapping[str, NDArray[np.integer]]
    ) -> Mapping[str, NDArray[np.integer]]:
        """Execute pass `part` of a level."""
        return self.run_program(f"l{min(level, SHARED_FROM)}.{part}", inputs)

    def run_program(
        self, name: str, inputs: Mapping[str, NDArray[np.integer]]
    ) -> Mapping[str, NDArray[np.integer]]:
        """Execute a program of the pack by its name."""
        key = f"{self.runtime}.{self.threads}.{self.worker}.{name}"
        runner: Runner | None = self.pack.runtimes.get(key)
        if runner is None:
            runner = make_runner(
                self.runtime, self.pack.programs[name], self.pack.layers, self.threads
            )
            self.pack.runtimes[key] = runner
        return runner.run(inputs)
