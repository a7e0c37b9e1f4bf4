"""`pauca encode` and `pauca decode`: what the input holds decides who codes it."""

import os
import stat
from collections.abc import Set
from pathlib import Path
from typing import Annotated, Any

import typer

from pauca.cli import files
from pauca.cli.image import PictureOptions, ViewOptions, decode_picture, encode_picture
from pauca.cli.network import (
    NetworkOptions,
    decode_network_file,
    encode_network_file,
    is_network,
    may_be_network,
)
from pauca.cli.options import (
    Base,
    Bitrate,
    Bits,
    BitsPerWeight,
    CalibrationFile,
    CodecName,
    ContentKind,
    Crf,
    Effort,
    Evaluation,
    FilterName,
    Force,
    Fps,
    Input,
    Jobs,
    Json,
    KeepHidden,
    LookBound,
    Lossless,
    MaxDrop,
    MaxError,
    Measure,
    Model,
    Nnpf,
    NoMetadata,
    Output,
    PictureLook,
    Plot,
    Preset,
    Quality,
    QuantizerName,
    Region,
    Scale,
    ScaleDown,
    Step,
    TargetVmaf,
    TileSide,
    To8Bit,
    VectorBits,
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
from pauca.cli.video import (
    VideoRequest,
    decode_video_file,
    encode_video_file,
    is_video,
    refuse_standard_input,
)
from pauca.container.identify import Kind, identify
from pauca.errors import InputError

PICTURES, NETWORKS, VIDEOS = "pictures", "networks", "videos"
COMMON = {"--target-size"}  # what pictures and networks know
SHARED = {"--model", "--effort"}  # what pictures and videos know
STEPS = ("--bits", "--step", "--max-error", "--lossless")  # only one sets the steps of weights
Options = dict[str, Any]


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
    content: ContentKind = None,
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
    codec: CodecName = None,
    crf: Crf = None,
    bitrate: Bitrate = None,
    target_vmaf: TargetVmaf = None,
    preset: Preset = None,
    filter: FilterName = None,
    scale: Scale = None,
    fps: Fps = None,
    nnpf: Nnpf = False,
    jobs: Jobs = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a picture, a neural network or a video smaller.

    IN is an 8-bit picture that Pillow reads, with its alpha, ICC profile, EXIF and XMP, or a
    network in safetensors, ONNX, torch state_dict or npz; its content says which. OUT is a pauca
    stream; text, charts and other graphics in a picture are lossless (--content). A video file, or
    a folder of pictures, becomes an ordinary MP4, MOV, MKV or WebM that every player plays, with
    audio, subtitles and chapters as they are; a killed encode goes on.
    """
    pictures = PictureOptions(
        quality, tune, model, effort, no_metadata, to_8_bit, keep_hidden, tile, content
    )
    targets = TargetOptions(bpp, target_size, min_psnr, min_ms_ssim, min_tile_psnr, fidelity)
    networks = NetworkOptions(bits, step, max_error, lossless, vector_bits, base)
    search = SearchRequest(
        max_drop, target_size, bits_per_weight, evaluate, quantizer, calibration, plot
    )
    videos = VideoRequest(codec, crf, bitrate, target_vmaf, preset, filter, scale, fps, nnpf)
    if model and tune:
        raise typer.BadParameter("--tune chooses a model, and so does --model; give one")
    files.check_report(output, json)
    files.check_output(output, force)
    if is_video(input):
        _refuse(_given(pictures) | _given(targets), PICTURES, input, SHARED)
        _refuse(_given(networks) | _given(search), NETWORKS, input, set())
        encode_video_file(input, output, videos, effort, model, jobs or 0, force, json)
        return
    _refuse(_given(videos), VIDEOS, input)
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
        typer.Option("--model", "-m", help="Folder of a model pack that is not shipped."),
    ] = None,
    scale: ScaleDown = None,
    region: Region = None,
    look: PictureLook = None,
    look_bound: LookBound = None,
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
    filter: FilterName = None,
    jobs: Jobs = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Turn a pauca stream back into a picture or a network, or restore a video.

    OUT has the format its extension names; - is PNG, or the format that the network came in. What
    a picture carries is written where that format can hold it. Videos go through the filters that
    they carry, to .mkv (FFV1, lossless), .mp4 or .mov (H.264 at CRF 12), .y4m, - (y4m) or a folder
    of PNG; --filter none leaves the filters out.
    """
    pictures = {
        "--model": model, "--scale": scale, "--region": region, "--look": look,
        "--look-bound": look_bound,
    }  # fmt: skip
    networks = {"--base": base, "--tensor": tensor or None, "--levels": levels or None}
    files.check_report(output, json)
    if is_video(input):
        _refuse(pictures, PICTURES, input, SHARED)
        _refuse(networks, NETWORKS, input)
        _check_video_output(output, force)
        decode_video_file(input, output, model, filter, jobs or 0, force, json)
        return
    files.check_output(output, force)
    _refuse({"--filter": filter}, VIDEOS, input)
    data = files.read_input(input)
    threads = 1 if jobs is None else jobs
    if identify(data) in (Kind.WEIGHTS, Kind.UPDATE):
        _refuse(pictures, PICTURES, input)
        names = tuple(tensor or ())
        decode_network_file(data, input, output, base, names, levels, threads, force, json)
    else:
        _refuse(networks, NETWORKS, input)
        view = ViewOptions(model, scale, region, look, look_bound, jobs)
        decode_picture(data, input, output, view, force, json)


def _source(input: str) -> str | bytes:
    """Return the path of a picture or video, or the bytes of what may be a network or is piped."""
    if input == files.STANDARD:
        data = files.read_input(input)
        refuse_standard_input(data)
        return data
    try:
        with open(input, "rb") as file:
            is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            if is_file and not may_be_network(file.read(16)):
                return input
    except OSError as error:
        raise InputError(f"cannot read {input}: {error.strerror or error}") from error
    return files.read_input(input)


def _refuse(options: Options, domain: str, input: str, common: Set[str] = COMMON) -> None:
    given = [name for name, value in options.items() if value is not None and name not in common]
    if given:
        raise typer.BadParameter(f"{given[0]} is for {domain}, and {input} holds none")


def _given(options: object) -> Options:
    """What of a dataclass of options the user has given, by its name on the command line."""
    return {
        "--" + name.replace("_", "-"): value
        for name, value in vars(options).items()
        if value is not None and value is not False
    }


def _check_video_output(output: str, force: bool) -> None:
    """Check what `files.check_output` does, but a folder is written by the decoder itself."""
    if output == files.STANDARD or Path(output).suffix:
        files.check_output(output, force)


def _check_networks(networks: Options, search: Options) -> None:
    """Refuse options of networks that contradict each other."""
    if sum(name in networks for name in STEPS) > 1:
        raise typer.BadParameter(f"give one of {', '.join(STEPS)}")
    if search and networks:
        wanted, apart = next(iter(search)), next(iter(networks))
        raise typer.BadParameter(f"{wanted} makes a search, which {apart} has no part in")
