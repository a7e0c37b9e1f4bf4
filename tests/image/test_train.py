"""Training: it learns, stops by the clock, and resumes where it was."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
data = pytest.importorskip("skimage.data")

from pauca.errors import InputError  # noqa: E402
from pauca.image.train import TrainConfig, train  # noqa: E402
from pauca.nets.loop import schedule  # noqa: E402


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("chelsea", "coffee", "astronaut"):
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    return folder


def test_learns_and_resumes(photos: Path, tmp_path: Path) -> None:
    import torch

    out = tmp_path / "run"
    config = TrainConfig([photos], out, hours=15 / 3600, batch=2, size=128, threads=1)
    path = train(config)
    first = torch.load(path, weights_only=True)
    assert first["step"] >= 3 and first["seconds"] >= 15
    longer = TrainConfig([photos], out, hours=20 / 3600, batch=2, size=128, threads=1)
    second = torch.load(train(longer), weights_only=True)
    assert second["step"] > first["step"]
    moved = [not torch.equal(second["ema"][k], first["ema"][k]) for k in first["ema"]]
    assert sum(moved) > 0.9 * len(moved)


def test_schedule_rises_then_falls_to_two_percent() -> None:
    rates = [schedule(p) for p in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1.0, abs=0.01) and rates.index(max(rates)) <= 3
    assert rates[-1] == pytest.approx(0.02)
    assert all(a >= b for a, b in zip(rates[3:], rates[4:], strict=False))


def test_a_folder_without_pictures_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures"):
        train(TrainConfig([tmp_path], tmp_path / "run", hours=0.001))
