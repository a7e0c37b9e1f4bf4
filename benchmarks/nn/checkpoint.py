"""The state of a training run, and its checkpoints."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class State:
    """Everything that a run must remember to go on: also what its checkpoint holds."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    masks: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        table = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "masks": self.masks,
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
        }
        torch.save(table, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        table: dict[str, Any] = torch.load(path, weights_only=True)
        self.model.load_state_dict(table["model"])
        self.optimizer.load_state_dict(table["optimizer"])
        self.masks, self.step = table["masks"], table["step"]
        self.seconds, self.history = table["seconds"], table["history"]
