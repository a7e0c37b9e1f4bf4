"""What is counted of published networks is what their authors state, and what the results say."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]


def test_counts() -> None:
    script = ROOT / "benchmarks/sr_published.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout in (ROOT / "docs/results/sr.md").read_text()
    assert "1,517,571" in done.stdout and "16,697,987" in done.stdout
