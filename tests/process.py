"""The command as a process, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Result:
    code: int
    out: bytes
    err: str

    def fails(self, code: int, *words: str) -> None:
        """Assert exit `code` and exactly one line of error that holds `words`."""
        assert self.code == code, self.err
        assert self.err.startswith("pauca: error: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.err.endswith("\n")
        for word in words:
            assert word in self.err
        assert self.out == b""


Cli = Callable[..., Result]
