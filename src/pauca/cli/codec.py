"""`pauca encode` and `pauca decode`: what the input holds decides who codes it."""

import os
import stat
from pathlib import Path
from typing import Annotated, Any

import typer

from pauca.cli import files
from pauca.cli.image import PictureOptions, Tune, decode_picture, encode_picture
from pauca.cli.network import (
    NetworkOptions,
    decode_network_file,
    encode_network_file,
    is_network,
    may_be_network,
)
from pauca.container.identify import Kind, identify
from pauca.errors import InputError

Input = Annotated[str, typer.Argument(metavar="IN", help="Input file, or - for standard input.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="Output file, or - for a pipe.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace the output if it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Report as one JSON object on stdout.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Threads; 0 for all cores.")]
Base = Annotated[
    Path | None,
    typer.Option(help="Networks: the older one, a file or a stream, that an update starts from."),
]

PICTURES, NETWORKS = "pictures", "networks"


def encode(
    input: Input,
    output: Output,
    quality: Annotated[
        float | None,
        typer.Option(
            "--quality", "-q", min=0, max=100, help="Pictures: higher is better.  [default: 50]"
        ),
    ] = None,
    tune: Annotated[
        Tune | None,
        typer.Option(help="Pictures: choose the shipped model by measure.  [default: psnr]"),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Pictures: model pack, a name or a folder.")
    ] = None,
    effort: Annotated[
        int | None,
        typer.Option(
            "--effort",
            "-e",
            min=1,
            max=9,
            help="Pictures: higher is slower and smaller.  [default: 3]",
        ),
    ] = None,
    bits: Annotated[
        int | None,
        typer.Option(
            min=2, max=16, help="Networks: bits that hold a tensor's largest level.  [default: 8]"
        ),
    ] = None,
    step: Annotated[
        float | None, typer.Option(help="Networks: weights become multiples of this.")
    ] = None,
    max_error: Annotated[
        float | None, typer.Option(help="Networks: no weight moves by more than this.")
    ] = None,
    vector_bits: Annotated[
        int | None,
        typer.Option(
            min=0, max=23, help="Networks: bits of mantissa that vectors keep.  [default: 10]"
        ),
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Networks: keep every bit of every tensor.")
    ] = False,
    base: Base = None,
    jobs: Jobs = 1,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a picture or a neural network smaller.

    IN is any 8-bit RGB or grey picture that Pillow reads, or a network in safetensors, ONNX, torch
    state_dict or npz; its content says which. OUT is a pauca stream.
    """
    pictures = {"--quality": quality, "--tune": tune, "--model": model, "--effort": effort}
    networks = {
        "--bits": bits, "--step": step, "--max-error": max_error, "--vector-bits": vector_bits,
        "--lossless": lossless or None, "--base": base,
    }  # fmt: skip
    if model and tune:
        raise typer.BadParameter("--tune chooses a model, and so does --model; give one")
    if sum(option not in (None, False) for option in (bits, step, max_error, lossless)) > 1:
        raise typer.BadParameter("give one of --bits, --step, --max-error and --lossless")
    _check_report(output, json)
    files.check_output(output, force)
    source = _source(input)
    if isinstance(source, bytes) and is_network(source):
        _refuse(pictures, PICTURES, input)
        options = NetworkOptions(bits, step, max_error, vector_bits, lossless, base, jobs)
        encode_network_file(source, input, output, options, force, json)
    else:
        _refuse(networks, NETWORKS, input)
        options_of_picture = PictureOptions(quality, tune, model, effort)
        encode_picture(source, input, output, options_of_picture, force, json)


def decode(
    input: Input,
    output: Output,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Pictures: folder of a model pack that is not shipped."),
    ] = None,
    base: Base = None,
    tensor: Annotated[
        list[str] | None,
        typer.Option(help="Networks: decode this tensor alone; may be repeated."),
    ] = None,
    levels: Annotated[
        bool,
        typer.Option(
            "--levels", help="Networks: write integers NAME and their steps NAME.step, not floats."
        ),
    ] = False,
    jobs: Jobs = 1,
    force: Force = False,
    json: Json = False,
) -> None:
    """Turn a pauca stream back into a picture or a network.

    OUT has the format its extension names; - is PNG, or the format that the network came in.
    """
    pictures = {"--model": model}
    networks = {"--base": base, "--tensor": tensor or None, "--levels": levels or None}
    _check_report(output, json)
    files.check_output(output, force)
    data = files.read_input(input)
    if identify(data) in (Kind.WEIGHTS, Kind.UPDATE):
        _refuse(pictures, PICTURES, input)
        names = tuple(tensor or ())
        decode_network_file(data, input, output, base, names, levels, jobs, force, json)
    else:
        _refuse(networks, NETWORKS, input)
        decode_picture(data, input, output, model, force, json)


def _source(input: str) -> str | bytes:
    """Return the path of a picture or video, or the bytes of what may be a network or is piped."""
    if input == files.STANDARD:
        return files.read_input(input)
    try:
        with open(input, "rb") as file:
            is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            if is_file and not may_be_network(file.read(16)):
                return input
    except OSError as error:
        raise InputError(f"cannot read {input}: {error.strerror or error}") from error
    return files.read_input(input)


def _refuse(options: dict[str, Any], domain: str, input: str) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise typer.BadParameter(f"{given[0]} is for {domain}, and {input} holds none")


def _check_report(output: str, json: bool) -> None:
    if json and output == files.STANDARD:
        raise typer.BadParameter("--json and -o - both want standard output; give one")
