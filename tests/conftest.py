"""What holds for all tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from process import Cli, Result

# Shells start what they put into the background deaf to interrupts, and children inherit that: the
# tests that interrupt a command would wait for one that cannot hear.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run the command as a process in an empty folder, standard streams being pipes."""

    def run(*args: str | Path, input: bytes = b"") -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "pauca", *map(str, args)],
            input=input,
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "100"},
            timeout=120,
        )
        return Result(done.returncode, done.stdout, done.stderr.decode())

    return run
