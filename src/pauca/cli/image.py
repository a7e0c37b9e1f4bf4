"""`pauca encode` and `pauca decode`."""

import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from pauca.cli import files

Input = Annotated[str, typer.Argument(metavar="IN", help="Input file, or - for standard input.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="Output file, or - for a pipe.")
]
Quality = Annotated[
    float, typer.Option("--quality", "-q", min=0, max=100, help="Higher is better.")
]
Effort = Annotated[
    int, typer.Option("--effort", "-e", min=1, max=9, help="Higher is slower and smaller.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace the output if it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Report as one JSON object on stdout.")]


class Tune(Enum):
    """What a shipped model is trained for."""

    PSNR = "psnr"


@dataclass(frozen=True)
class Encoded:
    """What `encode --json` reports; `bytes` of the stream, `seconds` from reading to the stream."""

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


def encode(
    input: Input,
    output: Output,
    quality: Quality = 50,
    tune: Annotated[
        Tune | None, typer.Option(help="Choose the shipped model by measure.  [default: psnr]")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model pack: a name or a folder.")
    ] = None,
    effort: Effort = 3,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a picture smaller.

    IN is any 8-bit RGB or grey picture that Pillow reads, OUT a pauca stream.
    """
    if model and tune:
        raise typer.BadParameter("--tune chooses a model, and so does --model; give one")
    _check_report(output, json)
    files.check_output(output, force)
    import pauca

    name = model or f"img-{(tune or Tune.PSNR).value}"
    start = time.perf_counter()
    with files.progress(f"encoding {input}"):
        source = files.open_standard_input() if input == files.STANDARD else input
        data = pauca.encode(source, model=name, quality=quality, effort=effort)
    seconds = time.perf_counter() - start
    files.write_output(output, data, force)
    header = pauca.info(data).header
    assert header is not None  # our own stream, not input
    bpp = 8 * len(data) / (header.width * header.height)
    line = f"{output}: {len(data)} bytes, {bpp:.4f} bpp, {seconds:.2f} s"
    done = Encoded(
        input=input,
        output=output,
        bytes=len(data),
        width=header.width,
        height=header.height,
        channels=header.channels,
        bpp=bpp,
        model=name,
        pack_id=header.pack_id.hex(),
        quality=quality,
        effort=effort,
        seconds=seconds,
    )
    files.report(line, vars(done) if json else None)


def decode(
    input: Input,
    output: Output,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Folder of a model pack that is not shipped."),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Turn a pauca stream back into a picture.

    OUT has the format its extension names; - is PNG.
    """
    _check_report(output, json)
    files.check_output(output, force)
    import pauca
    from pauca.pixels.files import encode_picture, picture_format

    picture_format(files.suffix(output))
    start = time.perf_counter()
    with files.progress(f"decoding {input}"):
        pixels = pauca.decode(files.read_input(input), packs=[model] if model else [])
    seconds = time.perf_counter() - start
    picture = encode_picture(pixels, files.suffix(output))
    files.write_output(output, picture, force)
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    line = f"{output}: {width} x {height}, {seconds:.2f} s"
    done = Decoded(input, output, len(picture), width, height, channels, seconds)
    files.report(line, vars(done) if json else None)


def _check_report(output: str, json: bool) -> None:
    if json and output == files.STANDARD:
        raise typer.BadParameter("--json and -o - both want standard output; give one")
