"""`pauca encode` and `pauca decode` of pictures."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pauca.cli import files
from pauca.cli.targets import TargetOptions, fidelity_record, outcome, quality_of, trial_line
from pauca.container.headers import ImageHeader

if TYPE_CHECKING:
    from pauca.image.targets import Trial


class Tune(Enum):
    """What a shipped model is trained for."""

    PSNR = "psnr"


@dataclass(frozen=True)
class Encoded:
    """What `encode --json` reports; `bytes` of the stream, `seconds` from reading to the stream.

    `target` and `trials` of a search, `fidelity` where the stream states it.
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


def encode_picture(
    source: str | bytes,
    input: str,
    output: str,
    options: PictureOptions,
    targets: TargetOptions,
    force: bool,
    json: bool,
) -> None:
    """Code the picture in the file `source`, or in these bytes, and report under `input`."""
    import pauca

    effort = 3 if options.effort is None else options.effort
    name = options.model or f"img-{(options.tune or Tune.PSNR).value}"
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
            metadata=pauca.Metadata() if options.no_metadata else None,
            to_8_bit=options.to_8_bit,
            keep_hidden=options.keep_hidden,
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
        target=targets.target or None,
        trials=[targets.trial_record(trial) for trial in trials],
        fidelity=fidelity_record(stream.fidelity) if stream.fidelity else None,
    )
    files.report(line, vars(done) if json else None)


def decode_picture(
    data: bytes, input: str, output: str, model: Path | None, force: bool, json: bool
) -> None:
    """Decode the picture in the stream `data`, and report under `input`."""
    import pauca
    from pauca.pixels.carried import held_metadata
    from pauca.pixels.files import encode_picture, picture_format

    format = picture_format(files.suffix(output))
    start = time.perf_counter()
    with files.progress(f"decoding {input}"):
        picture = pauca.decode_picture(data, packs=[model] if model else [])
    seconds = time.perf_counter() - start
    pixels, metadata = picture.pixels, picture.metadata
    file = encode_picture(pixels, files.suffix(output), metadata=metadata)
    files.write_output(output, file, force)
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    held = vars(held_metadata(metadata, format))
    lost = [name for name, data in vars(metadata).items() if data and not held[name]]
    note = f"; {format} cannot hold {', '.join(lost)}" if lost else ""
    line = f"{output}: {width} x {height}, {seconds:.2f} s{note}"
    done = Decoded(input, output, len(file), width, height, channels, seconds)
    files.report(line, vars(done) if json else None)
