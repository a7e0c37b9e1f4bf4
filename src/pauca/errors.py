"""Everything that can go wrong on purpose: one base class, one child per broken rule."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class PaucaError(Exception):
    """Base of every error pauca raises on bad input; `str(error)` is one line for a person."""


class FormatError(PaucaError):
    """The bytes are not a stream of ours, or break a rule of the format."""


class TruncatedError(FormatError):
    """The stream ends before its end."""


class ChecksumError(FormatError):
    """A chunk's bytes do not match its checksum."""


class EntropyError(FormatError):
    """The entropy-coded payload is inconsistent: bad final state, symbol or leftover bytes."""


class UnsupportedError(PaucaError):
    """Valid input of a kind this version does not handle."""


class LimitError(PaucaError):
    """The input declares more than the caller's `Limits` allow."""


class PackError(PaucaError):
    """A model pack is missing, unknown or damaged."""


class InputError(PaucaError):
    """A file, array or option given by the caller cannot be used."""


class MissingExtraError(PaucaError):
    """An optional dependency is needed; the message names the extra to install."""


@contextlib.contextmanager
def naming(path: object) -> Iterator[None]:
    """Put `path` before what an error inside the block says."""
    try:
        yield
    except PaucaError as error:
        raise type(error)(f"{path}: {error}") from error
