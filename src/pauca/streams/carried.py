"""What goes along with a video: audio, subtitles, attachments, chapters, tags, colour, rotation."""

from __future__ import annotations

from typing import Any

import numpy as np

from pauca.errors import UnsupportedError

COPIED = ("audio", "subtitle")
COLOURS = ("color_range", "color_primaries", "color_trc", "colorspace")
_WITH_ATTACHMENTS = "matroska"


def main_video(container: Any) -> Any:
    """Return the first video stream of `container` that is no cover picture, or None."""
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            return stream
    return None


def copied_streams(container: Any) -> list[Any]:
    """Return the streams of `container` that are copied packet by packet."""
    return [stream for stream in container.streams if stream.type in COPIED]


def add_copies(av: Any, source: Any, output: Any) -> dict[int, Any]:
    """Add a copy of every audio and subtitle stream to `output`: by the index in `source`.

    Attachments go along where the container has them. Raises `UnsupportedError` for a stream that
    it cannot hold.
    """
    copies = {stream.index: _copy_of(av, stream, output) for stream in copied_streams(source)}
    if output.format.name == _WITH_ATTACHMENTS:
        for stream in source.streams:
            if stream.type == "attachment":
                output.add_stream_from_template(stream)
    return copies


def left_out(source: Any, output: Any) -> list[str]:
    """Name what of `source` its container cannot hold, for a warning."""
    if output.format.name == _WITH_ATTACHMENTS:
        return []
    return [
        f"attachment {stream.name or stream.index}"
        for stream in source.streams
        if stream.type == "attachment"
    ]


def carry_tags(source: Any, stream: Any, output: Any, copy: Any) -> None:
    """Copy tags of the file and its video stream, chapters and disposition.

    Tags of the old encoding (its encoder, sizes that mkvmerge counted) stay behind.
    """
    output.metadata.update(_kept(source.metadata))
    copy.metadata.update(_kept(stream.metadata))
    copy.disposition = stream.disposition
    chapters = source.chapters()
    if chapters:
        output.set_chapters(chapters)


def display_matrix(frame: Any) -> list[int] | None:
    """Return the nine numbers that turn the picture of `frame` for display, None if it is upright.

    FFmpeg gives the matrix of the container with every decoded frame.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None or len(bytes(data)) != 36:
        return None
    return [int(value) for value in np.frombuffer(bytes(data), "=i4")]


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in ("encoder", "duration", "handler_name", "vendor_id")
        and not key.startswith(("_STATISTICS", "BPS", "NUMBER_OF", "DURATION", "compatible_brands"))
        and key not in ("major_brand", "minor_version")
    }


def _copy_of(av: Any, stream: Any, output: Any) -> Any:
    try:
        copy = output.add_stream_from_template(stream)
    except (av.error.FFmpegError, ValueError) as error:
        name = stream.codec_context.name if stream.codec_context else stream.type
        raise UnsupportedError(
            f"this container cannot hold the {stream.type} ({name}); write .mkv"
        ) from error
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    return copy
