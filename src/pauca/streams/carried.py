"""What goes along with a video: audio, subtitles, attachments, chapters, tags, colour, rotation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from pauca.errors import UnsupportedError

COPIED = ("audio", "subtitle")
COLOURS = ("color_range", "color_primaries", "color_trc", "colorspace")
Convert = Callable[[bytes], bytes | None]

_WITH_ATTACHMENTS = "matroska"
_OLD_TAGS = (  # of the file that is read
    "encoder", "duration", "handler_name", "vendor_id", "major_brand", "minor_version",
    "compatible_brands",
)  # fmt: skip
_SUBRIP_TAG = re.compile(rb"</?(?:[biu]|font)[^<>]*>|\{\\an?\d+\}")
# What FFmpeg's encoder of timed text needs to write the description of its samples.
_STYLE = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, \
Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def main_video(container: Any) -> Any:
    """Return the first video stream of `container` that is no cover picture, or None."""
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            return stream
    return None


def copied_streams(container: Any) -> list[Any]:
    """Return the streams of `container` that are copied packet by packet."""
    return [stream for stream in container.streams if stream.type in COPIED]


class Copies:
    """Copies of streams in an output, and what their packets become there."""

    def __init__(self, av: Any) -> None:
        self._av = av
        self._streams: dict[int, Any] = {}
        self._text: dict[int, Convert] = {}

    def __bool__(self) -> bool:
        return bool(self._streams)

    def add(self, stream: Any, output: Any) -> None:
        """Add a copy of `stream` to `output`; text subtitles change their form where they must."""
        copy, convert = _text_copy(stream, output)
        if copy is None:
            copy = _copy_of(self._av, stream, output)
        if convert is not None:
            self._text[stream.index] = convert
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
        self._streams[stream.index] = copy

    def packet(self, packet: Any) -> Any | None:
        """Return a packet of the source for the output, None if nothing of it is left."""
        index = packet.stream.index
        convert = self._text.get(index)
        if convert is not None:
            data = convert(bytes(packet))
            if data is None:
                return None
            old, packet = packet, self._av.Packet(data)
            packet.pts, packet.dts, packet.duration = old.pts, old.dts, old.duration
            packet.time_base, packet.is_keyframe = old.time_base, True
        packet.stream = self._streams[index]
        return packet


def add_copies(av: Any, source: Any, output: Any) -> Copies:
    """Add a copy of every audio and subtitle stream of `source` to `output`.

    Attachments go along where the container has them. Raises `UnsupportedError` for a stream that
    it cannot hold.
    """
    copies = Copies(av)
    for stream in copied_streams(source):
        copies.add(stream, output)
    if output.format.name == _WITH_ATTACHMENTS:
        for stream in source.streams:
            if stream.type == "attachment":
                output.add_stream_from_template(stream)
    return copies


def left_out(source: Any, output: Any) -> list[str]:
    """Name what of `source` does not go along to `output`, for a warning."""
    found = []
    main = main_video(source)
    for stream in source.streams:
        if stream.type == "attachment" and output.format.name != _WITH_ATTACHMENTS:
            found.append(f"attachment {stream.name or stream.index}")
        elif stream.type == "video" and stream.index != main.index:
            cover = stream.disposition & type(stream.disposition).attached_pic
            found.append("the cover picture" if cover else f"video stream {stream.index}")
        elif stream.type == "data":
            found.append(f"data stream {stream.index}")
    return found


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
        if key.lower() not in _OLD_TAGS
        and not key.startswith(("_STATISTICS", "BPS", "NUMBER_OF", "DURATION"))
    }


def _text_copy(stream: Any, output: Any) -> tuple[Any, Convert | None]:
    """Return a stream of text that `output` can hold and how packets become its, or nothing."""
    name = stream.codec_context.name if stream.type == "subtitle" and stream.codec_context else ""
    if name == "mov_text" and output.format.name == _WITH_ATTACHMENTS:
        return output.add_mux_stream("subrip"), _text_of_mov
    if name in ("srt", "subrip", "text") and output.format.name in ("mp4", "mov"):
        copy = output.add_stream("mov_text")
        copy.codec_context.subtitle_header = _STYLE
        copy.time_base = copy.codec_context.time_base = stream.time_base
        return copy, _mov_of_text
    return None, None


def start(av: Any, source: Any, output: Any) -> None:
    """Write the header of `output`; `UnsupportedError` if it cannot hold what goes along."""
    try:
        output.start_encoding()
    except av.error.FFmpegError as error:
        if output.format.name == _WITH_ATTACHMENTS or not copied_streams(source):
            raise
        kinds = [f"{s.type} ({s.codec_context.name})" for s in copied_streams(source)]
        text = f"this container cannot hold the {', '.join(kinds)}; write .mkv"
        raise UnsupportedError(text) from error


def _text_of_mov(data: bytes) -> bytes | None:
    """A sample of 3GPP timed text (TS 26.245) as plain text; empty ones are gaps."""
    size = int.from_bytes(data[:2], "big")
    return data[2 : 2 + size] or None


def _mov_of_text(data: bytes) -> bytes | None:
    """Plain text, or that of SubRip without its tags, as a sample of 3GPP timed text."""
    text = _SUBRIP_TAG.sub(b"", data)[:65535]
    return len(text).to_bytes(2, "big") + text if text else None


def _copy_of(av: Any, stream: Any, output: Any) -> Any:
    try:
        return output.add_stream_from_template(stream)
    except (av.error.FFmpegError, ValueError) as error:
        name = stream.codec_context.name if stream.codec_context else stream.type
        other = "" if output.format.name == _WITH_ATTACHMENTS else "; write .mkv"
        raise UnsupportedError(
            f"this container cannot hold the {stream.type} ({name}){other}"
        ) from error
