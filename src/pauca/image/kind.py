"""What a picture is taken for, and decoded for; light enough for the command line's options."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from pauca.errors import InputError

E = TypeVar("E", bound=Enum)


class Content(Enum):
    """What a picture is taken for."""

    AUTO = "auto"
    PHOTO = "photo"
    GRAPHICS = "graphics"


class Look(Enum):
    """What a decoded picture is for: to be true, or to look like a photograph."""

    FAITHFUL = "faithful"
    NATURAL = "natural"


def content_of(name: str) -> Content:
    """The content of this name; `InputError` if there is none."""
    return _one_of(Content, name, f"content {name}")


def look_of(name: str) -> Look:
    """The look of this name; `InputError` if there is none."""
    return _one_of(Look, name, f"look {name!r}")


def _one_of(kind: type[E], name: str, said: str) -> E:
    try:
        return kind(name)
    except ValueError:
        names = ", ".join(one.value for one in kind)
        raise InputError(f"{said}; one of {names} expected") from None
