"""Where restored frames go: Matroska (lossless), MP4, y4m, a folder of pictures."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pauca.container.files import atomic_path, atomic_write
from pauca.errors import InputError, UnsupportedError
from pauca.pixels.frames import plane_view
from pauca.streams.carried import add_copies, carry_tags, left_out, main_video, start
from pauca.streams.library import local, named, steady_x264
from pauca.streams.source import Traits

CONTAINERS = (".mkv", ".mp4", ".m4v", ".mov")
_MP4_CRF = "12"
_TAGS = {"yuv420p": "420jpeg", "yuv444p": "444"}


class Writer(Protocol):
    """Takes frames and packets of other streams in order."""

    takes_packets: bool
    left_out: Sequence[str]  # what of the source it does not hold

    def frame(self, frame: Any) -> None:
        """Write a restored frame."""

    def packet(self, packet: Any) -> None:
        """Write a packet of a copied stream."""

    def finish(self) -> None:
        """Write what is still held."""


def check_output(target: str) -> None:
    """Raise `UnsupportedError` if `open_writer` knows no format of this name."""
    suffix = Path(target).suffix.lower()
    if suffix and suffix not in (*CONTAINERS, ".y4m"):
        kinds = " ".join(CONTAINERS)
        raise UnsupportedError(f"cannot write video as {suffix!r}; use {kinds} .y4m or a folder")


@contextlib.contextmanager
def open_writer(
    av: Any, target: str | BinaryIO, traits: Traits, format: str, source: Any, force: bool
) -> Iterator[Writer]:
    """Open `target` for frames of `traits` and `format`; by its name, or y4m for an open file.

    `source` is the container that other streams are copied from. Written whole or not at all.
    """
    if not isinstance(target, str):
        yield Y4m(target, traits, format)
    elif Path(target).suffix.lower() in CONTAINERS:
        with (
            atomic_path(target, force) as path,
            named(av, "write", target),
            av.open(local(path), "w") as output,
        ):
            yield _Container(av, output, traits, format, source)
    elif Path(target).suffix.lower() == ".y4m":
        with atomic_path(target, force) as path, open(path, "wb") as file:
            yield Y4m(file, traits, format)
    else:
        with _whole_folder(Path(target), force) as folder:
            yield _Folder(folder, traits)


class _Container:
    takes_packets = True

    def __init__(self, av: Any, output: Any, traits: Traits, format: str, source: Any) -> None:
        lossless = output.format.name == "matroska"
        if not lossless and format == "yuv420p" and (traits.width % 2 or traits.height % 2):
            size = f"{traits.width} x {traits.height}"
            raise UnsupportedError(f"H.264 cannot hold a picture of {size}; write .mkv")
        self._output = output
        self._copies = add_copies(av, source, output)
        self.left_out: Sequence[str] = left_out(source, output)
        self._stream = output.add_stream("ffv1" if lossless else "libx264", rate=traits.rate)
        context = self._stream.codec_context
        context.width, context.height, context.pix_fmt = traits.width, traits.height, format
        self._stream.time_base = context.time_base = traits.time_base
        if traits.aspect:
            context.sample_aspect_ratio = traits.aspect
        for name, value in traits.colours.items():
            setattr(context, name, value)
        if lossless:  # every frame by itself, with checksums
            context.options = {"level": "3", "slicecrc": "1", "context": "1"}
            context.gop_size = 1
        else:
            context.options = {"crf": _MP4_CRF, "preset": "medium", **steady_x264()}
        if traits.matrix:
            self._stream.set_display_matrix(traits.matrix)
        carry_tags(source, main_video(source), output, self._stream)
        start(av, source, output)

    def frame(self, frame: Any) -> None:
        self._output.mux(self._stream.encode(frame))

    def packet(self, packet: Any) -> None:
        copy = self._copies.packet(packet)
        if copy is not None:
            self._output.mux_one(copy)

    def finish(self) -> None:
        self._output.mux(self._stream.encode(None))


class Y4m:
    """YUV4MPEG2 into an open file."""

    takes_packets = False
    left_out: Sequence[str] = ()

    def __init__(self, file: BinaryIO, traits: Traits, format: str) -> None:
        aspect = traits.aspect or Fraction(0)
        full = traits.colours.get("color_range") == 2
        file.write(
            f"YUV4MPEG2 W{traits.width} H{traits.height} "
            f"F{traits.rate.numerator}:{traits.rate.denominator} Ip "
            f"A{aspect.numerator}:{aspect.denominator if aspect else 0} C{_TAGS[format]} "
            f"XCOLORRANGE={'FULL' if full else 'LIMITED'}\n".encode()
        )
        self._file = file

    def frame(self, frame: Any) -> None:
        """Write a frame."""
        self._file.write(b"FRAME\n")
        for plane in frame.planes:
            self._file.write(plane_view(plane).tobytes())

    def packet(self, packet: Any) -> None:
        """Leave it out: y4m holds nothing but pictures."""

    def finish(self) -> None:
        """Hand on what the file still holds."""
        self._file.flush()


class _Folder:
    takes_packets = False
    left_out: Sequence[str] = ()

    def __init__(self, folder: Path, traits: Traits) -> None:
        self._folder, self._count = folder, 0
        self._range = traits.colours.get("color_range", 0)
        matrix = traits.colours.get("colorspace", 2)
        # Without a tag: BT.709 for HD and above, BT.601 below, as players do.
        self._matrix = matrix if matrix not in (2, 3) else (1 if traits.height >= 720 else 5)

    def frame(self, frame: Any) -> None:
        from pauca.pixels.files import encode_picture

        rgb = frame.reformat(
            format="rgb24", src_colorspace=self._matrix, src_color_range=self._range or 1,
            dst_color_range=2,
        )  # fmt: skip
        self._count += 1
        data = encode_picture(rgb.to_ndarray(), ".png")
        atomic_write(self._folder / f"{self._count:06d}.png", data)

    def packet(self, packet: Any) -> None:
        pass

    def finish(self) -> None:
        pass


@contextlib.contextmanager
def _whole_folder(target: Path, force: bool) -> Iterator[Path]:
    """Give a folder beside `target` that becomes it when the block ends well."""
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file; name a folder, or .mkv .mp4 .y4m")
    if target.exists() and any(target.iterdir()) and not force:
        raise InputError(f"{target} holds files; pass --force to replace the folder")
    temp = target.with_name(f".pauca-{secrets.token_hex(8)}")
    try:
        temp.mkdir()
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}") from error
    try:
        yield temp
        if target.exists():
            shutil.rmtree(target)
        temp.rename(target)
    finally:
        shutil.rmtree(temp, ignore_errors=True)
