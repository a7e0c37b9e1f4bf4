"""What a picture is taken for; light enough for the command line's options."""

from __future__ import annotations

from enum import Enum

from pauca.errors import InputError


class Content(Enum):
    """What a picture is taken for."""

    AUTO = "auto"
    PHOTO = "photo"
    GRAPHICS = "graphics"


def content_of(name: str) -> Content:
    """The content of this name; `InputError` if there is none."""
    try:
        return Content(name)
    except ValueError:
        names = ", ".join(content.value for content in Content)
        raise InputError(f"content {name}; one of {names} expected") from None
