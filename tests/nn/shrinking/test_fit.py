"""Training between passes, on a task small enough to learn in a second."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from pauca.errors import InputError  # noqa: E402
from pauca.nn.shrinking.fit_torch import FitOptions, trainer  # noqa: E402
from pauca.nn.shrinking.samples import Samples, samples_of  # noqa: E402


def task() -> Samples:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1024, 8)).astype(np.float32)
    return samples_of({"x": x, "y": (x[:, 0] * x[:, 1] > 0).astype(np.int64)})


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))


def share_right(module: nn.Module, samples: Samples) -> float:
    with torch.no_grad():
        answers = module(torch.from_numpy(samples.inputs["x"])).argmax(1).numpy()
    return float((answers == samples.labels).mean())


@pytest.mark.parametrize("bf16", [False, True])
def test_training_learns_the_labels(bf16: bool) -> None:
    samples, module = task(), network()
    teacher = network()
    trainer(samples, teacher, FitOptions(epochs=30, rate=1e-2))(teacher)
    trainer(samples, teacher, FitOptions(epochs=30, rate=1e-2, bf16=bf16))(module)
    assert share_right(network(), samples) < 0.7
    assert share_right(module, samples) > 0.95
    assert {p.dtype for p in module.parameters()} == {torch.float32}


def test_the_seed_decides_the_order() -> None:
    samples, first = task(), network()
    second, other = copy.deepcopy(first), copy.deepcopy(first)
    for module, seed in ((first, 0), (second, 0), (other, 1)):
        trainer(samples, network(), FitOptions(epochs=2, seed=seed))(module)
    assert torch.equal(first[0].weight, second[0].weight)  # type: ignore[index]
    assert not torch.equal(first[0].weight, other[0].weight)  # type: ignore[index]


def test_labels_are_needed() -> None:
    samples = samples_of({"x": np.zeros((4, 8), np.float32)})
    with pytest.raises(InputError, match="labels"):
        trainer(samples, network(), FitOptions())
