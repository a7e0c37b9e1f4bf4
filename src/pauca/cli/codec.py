"""`pauca encode` and `pauca decode`: what the input holds decides who codes it."""

import os
import stat
from pathlib import Path
from typing import Annotated, Any

import typer

from pauca.cli import files
from pauca.cli.image import (
    PictureOptions,
    Scale,
    Tune,
    ViewOptions,
    decode_picture,
    encode_picture,
)
from pauca.cli.network import (
    NetworkOptions,
    decode_network_file,
    encode_network_file,
    is_network,
    may_be_network,
)
from pauca.cli.search import SearchRequest, search_network_file
from pauca.cli.targets import (
    BitsPerPixel,
    MinMsSsim,
    MinPsnr,
    MinTilePsnr,
    StateFidelity,
    TargetOptions,
    TargetSize,
)
from pauca.container.identify import Kind, identify
from pauca.errors import InputError

Input = Annotated[str, typer.Argument(metavar="IN", help="Input file, or - for standard input.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="Output file, or - for a pipe.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace the output if it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Report as one JSON object on stdout.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=0, help="Threads, 0: all.  [default: 0; networks: 1]"),
]
Base = Annotated[
    Path | None,
    typer.Option(help="Networks: the older one, a file or a stream, that an update starts from."),
]

PICTURES, NETWORKS = "pictures", "networks"
COMMON = {"--target-size"}  # what both know
STEPS = ("--bits", "--step", "--max-error", "--lossless")  # only one sets the steps of weights
Options = dict[str, Any]

Quality = Annotated[
    float | None,
    typer.Option(
        "--quality", "-q", min=0, max=100, help="Pictures: higher is better.  [default: 50]"
    ),
]
Measure = Annotated[
    Tune | None,
    typer.Option("--tune", help="Pictures: choose the shipped model by measure.  [default: psnr]"),
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="Pictures: model pack, a name or a folder.")
]
Effort = Annotated[
    int | None,
    typer.Option(
        "--effort", "-e", min=1, max=9,
        help="Pictures: higher is slower and smaller.  [default: 3]",
    ),
]  # fmt: skip
NoMetadata = Annotated[
    bool, typer.Option("--no-metadata", help="Pictures: leave out ICC profile, EXIF and XMP.")
]
To8Bit = Annotated[
    bool, typer.Option("--to-8-bit", help="Pictures: keep the upper 8 bits of deeper samples.")
]
KeepHidden = Annotated[
    bool,
    typer.Option(
        "--keep-hidden", help="Pictures: keep the colours of transparent pixels, which cost bytes."
    ),
]
TileSide = Annotated[
    int | None,
    typer.Option("--tile", help="Pictures: side of parts, 0 for one.  [default: 1024 above 4 MP]"),
]
ScaleDown = Annotated[
    Scale | None, typer.Option("--scale", help="Pictures: so many times smaller; a prefix will do.")
]
Region = Annotated[
    str | None,
    typer.Option(metavar="X,Y,W,H", help="Pictures: decode these pixels of the whole alone."),
]
Bits = Annotated[
    int | None,
    typer.Option(
        min=2, max=16, help="Networks: bits that hold a tensor's largest level.  [default: 8]"
    ),
]
Step = Annotated[float | None, typer.Option(help="Networks: weights become multiples of this.")]
MaxError = Annotated[
    float | None, typer.Option(help="Networks: no weight moves by more than this.")
]
VectorBits = Annotated[
    int | None,
    typer.Option(
        min=0, max=23, help="Networks: bits of mantissa that vectors keep.  [default: 10]"
    ),
]
Lossless = Annotated[
    bool, typer.Option("--lossless", help="Networks: keep every bit of every tensor.")
]
Evaluation = Annotated[
    str | None,
    typer.Option(
        "--eval", help='Networks: command that prints the accuracy, "python eval.py {model}".'
    ),
]
MaxDrop = Annotated[
    float | None,
    typer.Option(min=0, help="Networks: the smallest file that loses no more by --eval."),
]
BitsPerWeight = Annotated[
    float | None, typer.Option(min=0, help="Networks: the best with so many bits per weight.")
]
QuantizerName = Annotated[
    str | None,
    typer.Option(
        "--quantizer",
        help="Networks: nearest, weighted, trellis, kmeans, lloyd, dc1, dc2 or second-order for a"
        " search, or one of them and its setting (second-order=1e-7).",
    ),
]
CalibrationFile = Annotated[
    Path | None,
    typer.Option("--calibration", help="Networks: npz of what the quantizer may know of it."),
]
Plot = Annotated[Path | None, typer.Option(help="Networks: plot of all trials of a search, PNG.")]


def encode(
    input: Input,
    output: Output,
    quality: Quality = None,
    target_size: TargetSize = None,
    bpp: BitsPerPixel = None,
    min_psnr: MinPsnr = None,
    min_ms_ssim: MinMsSsim = None,
    min_tile_psnr: MinTilePsnr = None,
    fidelity: StateFidelity = None,
    tune: Measure = None,
    model: Model = None,
    effort: Effort = None,
    no_metadata: NoMetadata = False,
    to_8_bit: To8Bit = False,
    keep_hidden: KeepHidden = False,
    tile: TileSide = None,
    bits: Bits = None,
    step: Step = None,
    max_error: MaxError = None,
    vector_bits: VectorBits = None,
    lossless: Lossless = False,
    evaluate: Evaluation = None,
    max_drop: MaxDrop = None,
    bits_per_weight: BitsPerWeight = None,
    quantizer: QuantizerName = None,
    calibration: CalibrationFile = None,
    plot: Plot = None,
    base: Base = None,
    jobs: Jobs = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a picture or a neural network smaller.

    IN is an 8-bit picture that Pillow reads, with its alpha, ICC profile, EXIF and XMP, or a
    network in safetensors, ONNX, torch state_dict or npz; its content says which. OUT is a pauca
    stream.
    """
    pictures = PictureOptions(
        quality, tune, model, effort, no_metadata, to_8_bit, keep_hidden, tile
    )
    targets = TargetOptions(bpp, target_size, min_psnr, min_ms_ssim, min_tile_psnr, fidelity)
    networks = NetworkOptions(bits, step, max_error, lossless, vector_bits, base)
    search = SearchRequest(
        max_drop, target_size, bits_per_weight, evaluate, quantizer, calibration, plot
    )
    if model and tune:
        raise typer.BadParameter("--tune chooses a model, and so does --model; give one")
    _check_report(output, json)
    files.check_output(output, force)
    source = _source(input)
    if isinstance(source, bytes) and is_network(source):
        _refuse(_given(pictures) | _given(targets), PICTURES, input)
        _check_networks(_given(networks), _given(search))
        threads = 1 if jobs is None else jobs
        if _given(search):
            search_network_file(source, input, output, search, threads, force, json)
        else:
            encode_network_file(source, input, output, networks, threads, force, json)
    else:
        _refuse(_given(networks) | _given(search), NETWORKS, input)
        targets.check(quality)
        encode_picture(source, input, output, pictures, targets, jobs, force, json)


def decode(
    input: Input,
    output: Output,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Pictures: folder of a model pack that is not shipped."),
    ] = None,
    scale: ScaleDown = None,
    region: Region = None,
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
    jobs: Jobs = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Turn a pauca stream back into a picture or a network.

    OUT has the format its extension names; - is PNG, or the format that the network came in. What
    a picture carries is written where that format can hold it.
    """
    pictures = {"--model": model, "--scale": scale, "--region": region}
    networks = {"--base": base, "--tensor": tensor or None, "--levels": levels or None}
    _check_report(output, json)
    files.check_output(output, force)
    data = files.read_input(input)
    if identify(data) in (Kind.WEIGHTS, Kind.UPDATE):
        _refuse(pictures, PICTURES, input)
        names = tuple(tensor or ())
        threads = 1 if jobs is None else jobs
        decode_network_file(data, input, output, base, names, levels, threads, force, json)
    else:
        _refuse(networks, NETWORKS, input)
        view = ViewOptions(model, scale, region, jobs)
        decode_picture(data, input, output, view, force, json)


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


def _refuse(options: Options, domain: str, input: str) -> None:
    given = [name for name, value in options.items() if value is not None and name not in COMMON]
    if given:
        raise typer.BadParameter(f"{given[0]} is for {domain}, and {input} holds none")


def _given(options: object) -> Options:
    """What of a dataclass of options the user has given, by its name on the command line."""
    return {
        "--" + name.replace("_", "-"): value
        for name, value in vars(options).items()
        if value is not None and value is not False
    }


def _check_networks(networks: Options, search: Options) -> None:
    """Refuse options of networks that contradict each other."""
    if sum(name in networks for name in STEPS) > 1:
        raise typer.BadParameter(f"give one of {', '.join(STEPS)}")
    if search and networks:
        wanted, apart = next(iter(search)), next(iter(networks))
        raise typer.BadParameter(f"{wanted} makes a search, which {apart} has no part in")


def _check_report(output: str, json: bool) -> None:
    if json and output == files.STANDARD:
        raise typer.BadParameter("--json and -o - both want standard output; give one")
