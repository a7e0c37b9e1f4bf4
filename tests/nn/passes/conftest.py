"""One trained network for all passes."""

import pytest

pytest.importorskip("torch")

from nn import glyphs


@pytest.fixture(scope="session")
def parent() -> glyphs.Parent:
    return glyphs.parent()
