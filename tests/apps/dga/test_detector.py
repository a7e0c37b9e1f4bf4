"""The shipped detector: what it says of names, its pack, its figures where the data is there."""

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

import pauca
from pauca.apps.dga.data import read_names
from pauca.apps.dga.detector import DEFAULT, WEIGHTS, load_detector
from pauca.apps.dga.figures import figures
from pauca.apps.dga.names import codes_of
from pauca.apps.dga.ngram import run_plain
from pauca.pack.registry import find_folder

# Widely visited names that anyone can write down; their classes are not in doubt.
KNOWN = (
    "wikipedia.org github.com python.org debian.org bbc.co.uk nature.com lemonde.fr "
    "stackoverflow.com openstreetmap.org mozilla.org weather.com university.edu booking.com "
    "www.spiegel.de maps.google.com mail.yahoo.co.jp amazon.com netflix.com linkedin.com"
).split()
TEST = Path(os.environ.get("PAUCA_DGA_TEST", "/nonexistent")) / "test.csv.gz"


def drawn(count: int) -> list[str]:
    rng = random.Random(11)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [
        "".join(rng.choices(letters, k=rng.randint(11, 24))) + rng.choice([".ru", ".biz", ".info"])
        for _ in range(count)
    ]


def test_known_and_drawn_names_are_told_apart() -> None:
    detector = load_detector()
    known, random_ones = detector.score(KNOWN), detector.score(drawn(200))
    assert all(score is not None and score < detector.threshold for score in known)
    assert np.mean([score >= detector.threshold for score in random_ones if score]) > 0.9
    found = figures(np.array([False] * len(KNOWN) + [True] * 200), np.array(known + random_ones))
    assert found.auc > 0.999


def test_what_has_no_scored_part_has_no_score() -> None:
    scores = load_detector().score(["", "localhost", b"\xff", "10.0.0.1", "a.com"])
    assert scores[:4] == [None] * 4
    assert scores[4] is not None
    assert load_detector().score([]) == []


def test_scores_do_not_depend_on_company() -> None:
    detector = load_detector()
    names = [*KNOWN, *drawn(50)]
    together = detector.score(names)
    assert together == [detector.score([name])[0] for name in names]


def test_the_shipped_network_is_its_definition() -> None:
    detector = load_detector()
    parts = [name.encode() for name in drawn(40)]
    codes, starts = codes_of(parts)
    strings = [codes[a:b] for a, b in zip(starts[:-1], starts[1:], strict=True)]
    logits = run_plain(detector.network, strings) * detector.network.scale
    assert np.array_equal(detector.score_parts(parts), 1 / (1 + np.exp(-logits.clip(-50, 50))))


def test_the_pack_is_listed_and_small() -> None:
    (info,) = pauca.list_models(DEFAULT)
    assert info.domain == "dga"
    assert (info.path / WEIGHTS).stat().st_size < 65_000  # an eighth of the teacher


def test_damaged_packs_raise_only_our_errors(tmp_path: Path) -> None:
    source = find_folder(DEFAULT)
    for name, at in ((WEIGHTS, 5000), ("model.json", 20), ("model.json", 300)):
        folder = tmp_path / f"{name}{at}"
        shutil.copytree(source, folder)
        data = bytearray((folder / name).read_bytes())
        data[at] ^= 0xFF
        (folder / name).write_bytes(data)
        with pytest.raises(pauca.PaucaError):
            load_detector(folder)


def test_figures_on_the_test_names() -> None:
    """Set PAUCA_DGA_TEST to the folder of test.csv.gz to run it."""
    if not TEST.is_file():
        pytest.skip("PAUCA_DGA_TEST names no folder with test.csv.gz")
    names = read_names(TEST)
    found = figures(names.label, load_detector().score_parts(names.part))
    assert found.auc > 0.9965
    assert found.tpr_1e2 > 0.95
