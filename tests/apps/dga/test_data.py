"""Labelled names in files, figures by hand, and reports."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from pauca.apps.dga.data import Names, read_names
from pauca.apps.dga.evaluate import evaluate, intervals, markdown
from pauca.apps.dga.figures import figures
from pauca.errors import InputError

HEAD = b"domain,label,family\n"
ROWS = b'www.example.com,0,benign\nqwxz.ru,1,tinba\n"a\0b.com",1,tinba\n,0,benign\nx.org,1,gozi\n'


@pytest.mark.parametrize("packed", [False, True])
def test_rows_and_rejections(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "names"
    path.write_bytes(gzip.compress(HEAD + ROWS) if packed else HEAD + ROWS)
    names = read_names(path)
    assert names.part == [b"example.com", b"qwxz.ru", b"x.org"]
    assert names.label.tolist() == [False, True, True]
    assert names.family.tolist() == ["benign", "tinba", "gozi"]
    assert names.rejected == {"control character or space": 1, "empty": 1}
    assert names.only(["gozi"]).part == [b"example.com", b"x.org"]
    with pytest.raises(InputError, match="nope"):
        names.only(["nope"])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "first line"),
        (b"name,label\na.com,1\n", "first line"),
        (HEAD + b"a.com,2,x\n", "line 2"),
        (HEAD + b"a.com,1,x\nb.com,1\n", "line 3"),
        (HEAD + b'"a.com,1,x', "line 2"),
        (HEAD + b"a" * 200_000 + b",1,x\n", "line 2"),
        (gzip.compress(HEAD + ROWS)[:-9], "damaged"),
        (b"\x1f\x8b" + bytes(40), "damaged"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_names(path)


def test_figures_by_hand() -> None:
    label = np.array([0, 0, 0, 1, 1], bool)
    found = figures(label, np.array([0.1, 0.5, 0.9, 0.5, 0.95]))
    assert found.auc == pytest.approx((1.5 + 3) / 6)
    assert (found.tpr_1e2, found.tpr_1e3) == (0.5, 0.5)
    many = np.repeat([False, True], [1000, 10])
    score = np.concatenate([np.arange(1000) / 1000, np.linspace(0.98, 1.0, 10)])
    found = figures(many, score)
    assert found.tpr_1e3 == np.mean(score[1000:] > 0.998)
    assert found.tpr_1e2 == np.mean(score[1000:] > 0.989)
    assert np.isnan(figures(many[:5], score[:5]).auc)


def test_intervals_hold_the_figure_and_shrink_with_more_names() -> None:
    rng = np.random.default_rng(3)
    widths = []
    for n in (200, 5000):
        label = np.arange(n) % 2 == 0
        score = rng.normal(size=n) + 1.5 * label
        low, high = intervals(label, score, 100, 0)
        assert low.auc < figures(label, score).auc < high.auc
        widths.append(high.auc - low.auc)
    assert widths[1] < widths[0] / 3


def test_a_report_counts_families_at_the_threshold(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes(HEAD + ROWS)
    names = read_names(path)
    marks = {b"example.com": 0.2, b"qwxz.ru": 0.9, b"x.org": 0.6}

    def score(parts: object) -> np.ndarray:
        assert parts == names.part
        return np.array([marks[part] for part in names.part])

    report = evaluate(names, score, 0.7, ("d", "names.csv"), 10)
    assert (report.names, report.generated, report.false_positives) == (3, 2, 0.0)
    assert {f.family: f.flagged for f in report.families} == {"benign": 0, "gozi": 0, "tinba": 1}
    assert report.record()["rejected"] == {"control character or space": 1, "empty": 1}
    assert "| tinba | 1 | 1.0000 |" in markdown(report)


def test_picking_keeps_columns_together() -> None:
    names = Names(
        [b"a.x", b"b.x", b"c.x"], np.array([0, 1, 0], bool), np.array(["p", "q", "r"]), {}
    )  # type: ignore[arg-type]
    picked = names.pick(np.array([2, 1]))
    assert (picked.part, picked.family.tolist()) == ([b"c.x", b"b.x"], ["r", "q"])
    assert picked.label.tolist() == [False, True]
