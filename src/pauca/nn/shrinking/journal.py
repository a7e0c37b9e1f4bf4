"""The journal of a search: every trial a line on disk before the next one begins."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pauca.container.files import atomic_write
from pauca.errors import InputError
from pauca.nn.shrinking.trial import Step, Trial, key_of

FORMAT = "pauca-shrink/1"


class Journal:
    """A folder of trials and of the networks that took training; what is in it is not done again.

    `identity` says what the trials depend on: another one is refused. Lines are written one by one
    and synced; a line that a kill cut in half is dropped when the journal is opened again.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str], again: bool = False) -> None:
        """Open or begin the journal in `folder`; `again` throws away what another search left."""
        self.folder = folder
        self.trials: dict[str, Trial] = {}
        if again and folder.exists():
            _check_ours(folder)
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "journal.jsonl").open("a+b")
        try:
            self._lock()
            self._read({"format": FORMAT, **identity})
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Let another search use the journal."""
        self._file.close()

    def find(self, steps: Sequence[Step]) -> Trial | None:
        """Return the trial of a recipe, None if it was not run."""
        return self.trials.get(key_of(steps))

    def add(self, trial: Trial) -> None:
        """Write a trial down."""
        self.trials[key_of(trial.steps)] = trial
        self._append(asdict(trial))

    @property
    def seconds(self) -> float:
        """What all trials have taken."""
        return sum(trial.seconds for trial in self.trials.values())

    def load(self, name: str) -> bytes | None:
        """Return what was kept under a name, None if there is nothing."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / name).read_bytes()
        return None

    def keep(self, name: str, data: bytes) -> None:
        """Keep bytes under a name, whole or not at all."""
        atomic_write(self.folder / name, data, force=True)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"another search is at work in {self.folder}") from error

    def _read(self, header: dict[str, str]) -> None:
        self._file.seek(0)
        data = self._file.read()
        end, lines = 0, []
        for line in _whole_lines(data):
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
            end += len(line)
        if len(lines) < 2:  # nothing was tried yet, by whatever search
            self._file.truncate(0)
            self._append(header)
            return
        self._file.truncate(end)  # half a line of a search that was killed
        if lines[0] != header:
            wrong = [key for key in header if lines[0].get(key) != header[key]]
            raise InputError(
                f"{self.folder} holds a search with another {wrong[0] if wrong else 'header'}; "
                "finish it with the same command, or pass --force to begin anew"
            )
        for record in lines[1:]:
            trial = _trial(record)
            self.trials[key_of(trial.steps)] = trial

    def _append(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _whole_lines(data: bytes) -> Iterator[bytes]:
    for line in data.splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield line


def _trial(record: dict[str, Any]) -> Trial:
    try:
        return Trial(**{**record, "steps": tuple(record["steps"])})
    except (KeyError, TypeError) as error:
        raise InputError(f"the journal holds what is no trial: {error}") from error


def _check_ours(folder: Path) -> None:
    # A folder is removed whole: it must be one that a search has made.
    with contextlib.suppress(OSError), (folder / "journal.jsonl").open("rb") as file:
        if FORMAT.encode() in file.readline(4096):
            return
    if any(folder.iterdir()):
        raise InputError(f"{folder} holds no journal of a search and is not replaced")
