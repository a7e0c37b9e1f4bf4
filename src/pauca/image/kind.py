"""What a picture is taken for, and decoded for; light enough for the command line's options."""

from __future__ import annotations

from enum import Enum

from pauca.errors import InputError


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
    try:
        return Content(name)
    except ValueError:
        names = ", ".join(content.value for content in Content)
        raise InputError(f"content {name}; one of {names} expected") from None


def look_of(name: str) -> Look:
    """The look of this name; `InputError` if there is none."""
    try:
        return Look(name)
    except ValueError:
        names = ", ".join(look.value for look in Look)
        raise InputError(f"look {name!r}; one of {names} expected") from None
