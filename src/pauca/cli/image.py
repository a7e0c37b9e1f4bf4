"""`pauca encode` and `pauca decode` of pictures."""

from __future__ import annotations

import io
import math
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pauca.cli import files
from pauca.cli.look import compare_looks
from pauca.cli.targets import TargetOptions, fidelity_record, outcome, quality_of, trial_line
from pauca.container.files import atomic_path
from pauca.container.headers import ImageHeader
from pauca.container.identify import Kind, identify
from pauca.image.kind import Content, Look
from pauca.pixels.carried import held_metadata

if TYPE_CHECKING:
    from pauca.container.metadata import Metadata
    from pauca.image.picture import Opened
    from pauca.image.targets import Trial
    from pauca.image.view import View
    from pauca.pixels.picture import Picture


class Tune(Enum):
    """What a shipped model is trained for."""

    PSNR = "psnr"
    SSIM = "ssim"
    MIX = "mix"


class Scale(Enum):
    """How many times smaller a picture is decoded."""

    ONE = "1"
    TWO = "2"
    FOUR = "4"
    EIGHT = "8"


@dataclass(frozen=True)
class Encoded:
    """What `encode --json` reports; `bytes` of the stream, `seconds` from reading to the stream.

    `content`: photo, graphics or mixed. `target` and `trials` of a search, `fidelity` where the
    stream states it.
    """

    input: str
    output: str
    bytes: int
    width: int
    height: int
    channels: int
    bpp: float
    model: str
    pack_id: str
    quality: float
    effort: int
    seconds: float
    content: str = "photo"
    target: dict[str, float] | None = None
    trials: list[dict[str, float]] = field(default_factory=list)
    fidelity: dict[str, Any] | None = None


@dataclass(frozen=True)
class Decoded:
    """What `decode --json` reports; `bytes` of the picture file."""

    input: str
    output: str
    bytes: int
    width: int
    height: int
    channels: int
    seconds: float


@dataclass(frozen=True)
class PictureOptions:
    """Options of `encode` for pictures; None where the user has given none."""

    quality: float | None
    tune: Tune | None
    model: str | None
    effort: int | None
    no_metadata: bool = False
    to_8_bit: bool = False
    keep_hidden: bool = False
    tile: int | None = None
    content: Content | None = None


@dataclass(frozen=True)
class ViewOptions:
    """Options of `decode` for pictures; None where the user has given none."""

    model: Path | None
    scale: Scale | None
    region: str | None
    look: Look | None
    look_bound: float | None
    jobs: int | None

    def __post_init__(self) -> None:
        """Raise a usage error on a bound that means nothing."""
        bound = self.look_bound
        if bound is not None and (self.look is not Look.NATURAL or not 0 <= bound < math.inf):
            raise typer.BadParameter("--look-bound is in dB, 0 or more, and for --look natural")

    @property
    def view(self) -> View:
        """What is decoded; a reduced picture comes from a stream that may be cut."""
        from pauca.image.view import View

        scale = int(self.scale.value) if self.scale else 1
        region = None if self.region is None else _numbers(self.region)
        return View(scale, region, scale > 1, self.look or Look.FAITHFUL)

    @property
    def faithful(self) -> View:
        """The same of the faithful look."""
        return replace(self.view, look=Look.FAITHFUL)


def _numbers(region: str) -> tuple[int, int, int, int]:
    try:
        left, top, width, height = (int(number) for number in region.split(","))
    except ValueError:
        raise typer.BadParameter(f"--region is X,Y,W,H in pixels, not {region}") from None
    return left, top, width, height


def encode_picture(
    source: str | bytes,
    input: str,
    output: str,
    options: PictureOptions,
    targets: TargetOptions,
    jobs: int | None,
    force: bool,
    json: bool,
) -> None:
    """Code the picture in the file `source`, or in these bytes, and report under `input`."""
    import pauca

    effort = 3 if options.effort is None else options.effort
    tuned = f"img-{(options.tune or Tune.PSNR).value}"
    name = tuned if options.model is None else options.model
    trials: list[Trial] = []
    start = time.perf_counter()
    with files.progress(f"encoding {input}") as tell:

        def report(trial: Trial) -> None:
            trials.append(trial)
            tell(f"encoding {input}: {trial_line(len(trials), trial)}")

        file = io.BytesIO(source) if isinstance(source, bytes) else source
        data = pauca.encode(
            file,
            model=name,
            quality=options.quality,
            effort=effort,
            tile=options.tile,
            threads=jobs or 0,
            metadata=pauca.Metadata() if options.no_metadata else None,
            to_8_bit=options.to_8_bit,
            keep_hidden=options.keep_hidden,
            content=(options.content or Content.AUTO).value,
            report=report,
            **vars(targets),
        )
    seconds = time.perf_counter() - start
    files.write_output(output, data, force)
    stream = pauca.info(data)
    header = stream.header
    assert isinstance(header, ImageHeader)  # our own stream, not input
    bpp = 8 * len(data) / (header.width * header.height)
    line = f"{output}: {len(data)} bytes, {bpp:.4f} bpp, {seconds:.2f} s"
    content = stream.content
    line += "" if content == "photo" else f", {content}"
    line += outcome(header.quality, len(trials), stream.fidelity)
    done = Encoded(
        input=input,
        output=output,
        bytes=len(data),
        width=header.width,
        height=header.height,
        channels=header.channels + stream.has("A"),
        bpp=bpp,
        model=name,
        pack_id=header.pack_id.hex(),
        quality=quality_of(header.quality),
        effort=effort,
        seconds=seconds,
        content=content,
        target=targets.target or None,
        trials=[targets.trial_record(trial) for trial in trials],
        fidelity=fidelity_record(stream.fidelity) if stream.fidelity else None,
    )
    files.report(line, vars(done) if json else None)


def decode_picture(
    data: bytes, input: str, output: str, options: ViewOptions, force: bool, json: bool
) -> None:
    """Decode the picture in the stream `data`, and report under `input`."""
    from pauca.image.picture import open_picture
    from pauca.pixels.files import picture_format
    from pauca.pixels.picture import Picture, with_metadata

    suffix = files.suffix(output)
    format = picture_format(suffix)
    start = time.perf_counter()
    with files.progress(f"decoding {input}"):
        _check_kind(data)
        packs = packs_of(options.model)
        threads = options.jobs or 0
        opened = open_picture(data, packs=packs, view=options.view, threads=threads)
        held = held_metadata(opened.metadata, format)
        if _by_rows(opened, output, format):
            shape: tuple[int, ...] = (*opened.shape, opened.header.channels)
            size = _write_rows(opened, held, output, force)
            seconds = time.perf_counter() - start
        else:
            pixels = opened.pixels()
            seconds = time.perf_counter() - start
            if options.view.natural:
                true = open_picture(data, packs=packs, view=options.faithful, threads=threads)
                compare_looks(true.pixels(), pixels, options.look_bound, input)
            picture = with_metadata(Picture(pixels, opened.metadata), held)
            shape = (*picture.pixels.shape, 1)
            size = _write_whole(picture, output, suffix, force)
    height, width, channels = shape[:3]
    carried = vars(opened.metadata).items()
    lost = [name for name, part in carried if part and not getattr(held, name)]
    note = f"; {format} cannot hold {', '.join(lost)}" if lost else ""
    line = f"{output}: {width} x {height}, {seconds:.2f} s{note}"
    done = Decoded(input, output, size, width, height, channels, seconds)
    files.report(line, vars(done) if json else None)


def packs_of(model: Path | None) -> list[Path]:
    """The pack folder of `--model`, found; none without it."""
    from pauca.pack.registry import find_folder

    return [] if model is None else [find_folder(model)]


def _check_kind(data: bytes) -> None:
    """Raise what says why this is no stream of a picture."""
    if identify(data) is not Kind.IMAGE:
        import pauca

        pauca.decode_picture(data)


def _by_rows(opened: Opened, output: str, format: str) -> bool:
    """Whether the picture goes into the file as it is decoded: large ones do, where they can."""
    from pauca.pixels.rows import LARGE

    large = opened.shape[0] * opened.shape[1] > LARGE
    place = Path(output)
    file = output != files.STANDARD and (place.is_file() or not place.exists())
    plain = format == "PNG" and opened.alpha is None and not opened.view.natural
    return large and file and plain


def _write_rows(opened: Opened, metadata: Metadata, output: str, force: bool) -> int:
    """Write a PNG row by row and return its bytes."""
    import numpy as np

    from pauca.pixels.files import encode_picture
    from pauca.pixels.png import ancillary_chunks, write_png

    carried = encode_picture(np.zeros((1, 1), np.uint8), metadata=metadata)
    size = (*opened.shape, opened.header.channels)
    with atomic_path(output, force) as path, open(path, "wb") as file:
        write_png(file, opened.rows(), size, ancillary_chunks(carried))
        return file.tell()


def _write_whole(picture: Picture, output: str, suffix: str, force: bool) -> int:
    """Write a picture file and return its bytes."""
    from pauca.pixels.files import encode_picture

    file = encode_picture(picture.pixels, suffix, metadata=picture.metadata)
    files.write_output(output, file, force)
    return len(file)
