from pathlib import Path

import pytest

from pauca.streams.library import load_av
from pauca.streams.source import open_source
from pauca.video.scenes import SHORTEST, CutFinder

from .clips import write_clip

pytest.importorskip("av")


def starts(path: Path, longest: int) -> list[int]:
    finder = CutFinder(longest)
    with open_source(load_av(), str(path)) as source:
        return [i for i, frame in enumerate(source.frames()) if finder.starts(frame)]


def test_cuts_are_found_and_nothing_else(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", 60, cuts=(20, 33))
    assert starts(clip, 250) == [20, 33]


def test_scenes_have_a_longest(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", 60, cuts=(20,))
    found = starts(clip, 15)
    lengths = [b - a for a, b in zip([0, *found], [*found, 60], strict=True)]
    assert found[0] == 15 and max(lengths) == 15 and min(lengths) >= SHORTEST


def test_a_flash_is_no_scene_of_its_own(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", 40, cuts=(20, 22))
    assert len(starts(clip, 250)) == 1
    assert SHORTEST > 2
