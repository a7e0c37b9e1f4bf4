"""Torch modules in a search: tensors in and out, statistics, milliseconds, training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pauca.errors import InputError, UnsupportedError
from pauca.nn.model import Network
from pauca.nn.passes.cost_torch import copied, latency, network_of
from pauca.nn.passes.interface import Context
from pauca.nn.shrinking.coding import Known
from pauca.nn.shrinking.samples import Samples
from pauca.nn.train import SensitivityOptions, layer_statistics

SEEN = 2000  # samples that statistics see
BATCH = 250
PLACES = 256  # of each that statistics of a convolution see
TIMED = 64
SECONDS = 0.3


class TorchSide:
    """A side (`workshop.Side`) of torch modules; `train` trains one in place."""

    def __init__(
        self,
        samples: Samples | None,
        train: Callable[[nn.Module], None] | None,
        teacher: nn.Module,
        batch: int = TIMED,
    ) -> None:
        """`batch`: samples of the run that is timed."""
        self.samples, self.train, self.teacher, self.batch = samples, train, teacher, batch

    def network(self, model: nn.Module) -> Network:
        """Return the tensors of the state."""
        return network_of(model)

    def filled(self, model: nn.Module, network: Network) -> nn.Module:
        """Return a copy with other tensors."""
        out = copied(model)
        state = out.state_dict()
        with torch.no_grad():
            for name, array in network.tensors.items():
                state[name].copy_(torch.from_numpy(array.copy()))
        return out

    def known(self, model: nn.Module) -> list[Known]:
        """Return the statistics of linear and convolutional layers."""
        if self.samples is None:
            return []
        batches = self._batches(SEEN, BATCH)
        with torch.no_grad():
            answer = model.eval()(*_arguments(batches[0][0]))
        options = SensitivityOptions(classes=answer.ndim == 2 and answer.shape[1] > 1)
        try:
            found = layer_statistics(model, [b[0] for b in batches], options, PLACES)
        except UnsupportedError:  # a layer whose inputs have no statistics: none has
            return []
        return [Known(layer, statistics) for layer, statistics in found.items()]

    def allowed(self, model: nn.Module) -> set[str] | None:
        """Return None: every tensor may be quantized."""
        return None

    def latency(self, model: nn.Module) -> float | None:
        """Return the milliseconds of one run."""
        if self.samples is None:
            return None
        return latency(self._example(), SECONDS)(model)

    def context(self, model: nn.Module) -> Context:
        """Return samples, training and the original as the teacher."""
        if self.samples is None:
            return Context(train=self.train, teacher=self.teacher)
        return Context(
            example=self._example(),
            train=self.train,
            batches=self._batches(SEEN, BATCH),
            teacher=self.teacher,
        )

    def _example(self) -> Any:
        return self._batches(self.batch, self.batch)[0][0]

    def _batches(self, count: int, batch: int) -> list[tuple[Any, Any]]:
        return tensors_of(self.samples, count, batch)


def tensors_of(samples: Samples | None, count: int, batch: int) -> list[tuple[Any, Any]]:
    """Return up to `count` samples as batches (inputs, labels); several inputs are a tuple."""
    if samples is None:
        raise InputError("this needs data")
    names = list(samples.inputs)
    found: list[tuple[Any, Any]] = []
    for i, feed in enumerate(samples.feeds(names, count, batch)):
        inputs = tuple(torch.from_numpy(feed[name]) for name in names)
        labels = None
        if samples.labels is not None:
            n = len(inputs[0])
            labels = torch.from_numpy(samples.labels[i * batch : i * batch + n])
        found.append((inputs[0] if len(inputs) == 1 else inputs, labels))
    return found


def _arguments(inputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return inputs if isinstance(inputs, tuple) else (inputs,)
