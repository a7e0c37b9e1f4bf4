"""Training: a teacher learns, a student learns from it, and both become what is run."""

import gzip
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pauca.apps.dga.data import read_names  # noqa: E402
from pauca.apps.dga.detector import load_detector  # noqa: E402
from pauca.apps.dga.figures import figures  # noqa: E402
from pauca.apps.dga.model import NgramConfig  # noqa: E402
from pauca.apps.dga.train import (  # noqa: E402
    DgaTrainConfig,
    held_out,
    load_model,
    logits,
    padded,
    train,
)
from pauca.errors import InputError  # noqa: E402

from .conftest import Run  # noqa: E402

SYLLABLES = ("ba", "co", "den", "fi", "gar", "ho", "lin", "mar", "no", "per", "sta", "to", "win")
SMALL = NgramConfig(channels=16, hidden=8, bits=9, orders=(2, 3), mix=16)
SECONDS = 6.0


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    rows = ["domain,label,family"]
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    for _ in range(700):
        rows.append("".join(rng.choice(SYLLABLES, int(rng.integers(2, 5)))) + ".com,0,benign")
        family = ("even", "odd")[int(rng.integers(2))]
        made = "".join(rng.choice(letters, int(rng.integers(8, 20))))
        rows.append(f"{made}.net,1,{family}")
    path = tmp_path_factory.mktemp("names") / "names.csv.gz"
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    return path


@pytest.fixture(scope="module")
def teacher(names: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("teacher")
    config = DgaTrainConfig([names], out, SECONDS / 3600, model="cnn-small", threads=1, batch=64)
    return train(config)


def auc(checkpoint: Path, path: Path) -> float:
    names = read_names(path)
    model = load_model(checkpoint).eval()
    return figures(names.label, logits(model, padded(names.part))).auc


def test_a_teacher_learns(teacher: Path, names: Path) -> None:
    assert auc(teacher, names) > 0.97


def test_a_student_learns_from_teachers_and_is_exported(
    teacher: Path, names: Path, tmp_path: Path, dga: Run
) -> None:
    config = DgaTrainConfig(
        [names], tmp_path / "run", SECONDS / 3600, model="ngram", sizes=SMALL, threads=1, batch=64,
        teacher=[teacher, teacher], matching=0.1, variations=500, lr=5e-3, sparsity=0.01,
    )  # fmt: skip
    checkpoint = train(config)
    assert auc(checkpoint, names) > 0.97
    done = dga("export", checkpoint, "-o", tmp_path / "pack", "--data", names)
    assert done.returncode == 0, done.stderr
    found = read_names(names)
    scores = load_detector(tmp_path / "pack").score_parts(found.part)
    assert figures(found.label, scores).auc > 0.97


def test_matching_moves_logits_towards_the_teacher(
    teacher: Path, names: Path, tmp_path: Path
) -> None:
    parts = padded(read_names(names).part)
    said = logits(load_model(teacher).eval(), parts).clip(-12, 12)
    distance = {}
    for matching in (0.0, 3.0):
        config = DgaTrainConfig(
            [names], tmp_path / str(matching), SECONDS / 3600, model="ngram", sizes=SMALL,
            threads=1, batch=64, teacher=[teacher], matching=matching, variations=200, lr=5e-3,
        )  # fmt: skip
        own = logits(load_model(train(config)).eval(), parts)
        distance[matching] = float(np.abs(own - said).mean())
    assert distance[3.0] < 0.8 * distance[0.0]


def test_held_families_are_not_learned_from(names: Path, tmp_path: Path) -> None:
    config = DgaTrainConfig([names], tmp_path, held=("odd",))
    kept = held_out(config)
    assert len(kept) > 20 and set(kept.family) == {"benign", "even"}


def test_logits_of_no_teacher_cannot_be_matched(names: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="teacher"):
        train(DgaTrainConfig([names], tmp_path, 1 / 3600, model="cnn-small", matching=1.0))


def test_the_command_trains_and_resumes(names: Path, tmp_path: Path, dga: Run) -> None:
    common = ("train", "--data", names, "--out", tmp_path / "run", "-m", "cnn-small")
    for hours in (0.0005, 0.001):
        done = dga(*common, "--hours", str(hours), "--batch", "64")
        assert done.returncode == 0, done.stderr
    state = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)
    assert state["seconds"] >= 3.6 and state["step"] > 5
    wrong = dga(*common, "--hours", "0.001", "--matching", "1", "-m", "perceptron")
    assert wrong.returncode != 0 and b"Traceback" not in wrong.stderr
