"""`pauca upscale`: pictures, folders of pictures and videos at two or four times their size."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pauca.cli import files
from pauca.cli.options import Force, Json, To8Bit
from pauca.errors import InputError, PaucaError
from pauca.image.kind import Look

if TYPE_CHECKING:
    from pauca.pack.sr import SrPack
    from pauca.sr.upscale import Upscaler

PICTURES = (
    ".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm",
    ".avif", ".gif", ".tga", ".jp2",
)  # fmt: skip

Input = Annotated[str, typer.Argument(metavar="IN", help="Picture, folder of pictures, or video.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="File or, for a folder, a folder.")
]
Scale = Annotated[int, typer.Option("--scale", "-s", help="2 or 4.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="Model pack, a name or a folder.  [default: by scale and kind]"
    ),
]
LookName = Annotated[
    Look | None,
    typer.Option("--look", help="natural puts in texture, which is invented.  [default: faithful]"),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Threads; 0 for all cores.")]
Crf = Annotated[
    float, typer.Option(min=0, max=51, help="Videos: x264's constant rate factor, lower is better.")
]
Preset = Annotated[str, typer.Option(help="Videos: x264's preset, ultrafast to veryslow.")]


def upscale(
    input: Input,
    output: Output,
    scale: Scale = 2,
    model: Model = None,
    look: LookName = None,
    jobs: Jobs = 0,
    crf: Crf = 18.0,
    preset: Preset = "medium",
    to_8_bit: To8Bit = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a picture, a folder of pictures or a video larger, and sharp.

    A model for 2 is used twice for 4. Videos keep timestamps, audio and subtitles; the result is
    H.264 in MP4, MKV or MOV.
    """
    from pauca.sr.upscale import upscaler_by
    from pauca.sr.video import SUFFIXES, TARGETS, VideoOptions
    from pauca.streams.library import X26_PRESETS

    if scale not in (2, 4):
        raise typer.BadParameter("--scale must be 2 or 4")
    if preset not in X26_PRESETS:
        raise typer.BadParameter(f"--preset is one of {', '.join(X26_PRESETS)}")
    files.check_report(output, json)
    kind, wanted = (Path(name).suffix.lower() for name in (input, output))
    moving = kind == ".gif" or (kind not in PICTURES and input != files.STANDARD)
    is_video = kind in SUFFIXES or (wanted in TARGETS and moving)
    upscaler = upscaler_by(scale, _pack(model, scale, is_video, look), jobs)
    start = time.perf_counter()
    if is_video:
        record = _video(input, output, upscaler, VideoOptions(crf, preset), force)
    elif input != files.STANDARD and Path(input).is_dir():
        record = _folder(Path(input), output, upscaler, to_8_bit, force)
    else:
        record = _picture(input, output, upscaler, to_8_bit, force)
    seconds = time.perf_counter() - start
    pack = upscaler.pack
    record |= {"model": pack.info.name, "look": pack.look, "seconds": seconds}
    what = f"{record['width']} x {record['height']}, " if "width" in record else ""
    if "frames" in record:
        what += f"{record['frames']} frames, {record['frames'] / seconds:.1f} fps, "
    if "pictures" in record:
        what += f"{record['pictures']} pictures, "
    files.report(f"{output}: {what}{seconds:.2f} s", record if json else None)
    if record.get("failed"):
        raise InputError(f"{len(record['failed'])} of the pictures could not be upscaled")


def _pack(model: str | None, scale: int, is_video: bool, look: Look | None) -> "SrPack":
    """The pack of this name, which must have the look if one is asked for, or the shipped one."""
    from pauca.pack.registry import create_upscaler, natural_upscaler

    if model is None and look is Look.NATURAL:
        return natural_upscaler(scale)
    pack = create_upscaler(model or _default_model(scale, is_video))
    if look and pack.look != look.value:
        raise InputError(f"{pack.info.name} has the {pack.look} look, not the {look.value} one")
    return pack


def _default_model(scale: int, is_video: bool) -> str:
    from pauca.pack.registry import list_models

    # The best first; for video the quickest, which knows what encoders leave.
    names = [f"sr-x{scale}-small", f"sr-x{scale}-nano"]
    shipped = {info.name for info in list_models("sr-*")}
    for name in [f"sr-x{scale}-nano-coded", *reversed(names)] if is_video else names:
        if name in shipped:
            return name
    if scale == 4:
        return _default_model(2, is_video)  # twice
    raise InputError(f"no model that upscales by {scale} is shipped; name your own with --model")


def _picture(
    input: str, output: str, upscaler: "Upscaler", to_8_bit: bool, force: bool
) -> dict[str, Any]:
    from pauca.pixels.files import (
        encode_picture,
        picture_format,
        read_picture,
        turned_for,
        without_opaque,
    )
    from pauca.pixels.picture import Picture

    format = picture_format(files.suffix(output))
    files.check_output(output, force)
    with files.progress(f"upscaling {input}"):
        source: object = input
        if input == files.STANDARD:
            import io

            source = io.BytesIO(files.read_input(input))
        small = read_picture(source, to_8_bit=to_8_bit)
        large = upscaler.picture(without_opaque(small.pixels))
        done = turned_for(Picture(large, small.metadata), format)
    data = encode_picture(done.pixels, files.suffix(output), metadata=done.metadata)
    files.write_output(output, data, force)
    height, width = done.pixels.shape[:2]
    return {"input": input, "output": output, "width": width, "height": height}


def _folder(
    source: Path, output: str, upscaler: "Upscaler", to_8_bit: bool, force: bool
) -> dict[str, Any]:
    """Upscale every picture of a folder; one that fails is named and does not stop the others."""
    paths = sorted(path for path in source.iterdir() if path.suffix.lower() in PICTURES)
    if not paths:
        raise InputError(f"no pictures in {source}")
    if output == files.STANDARD:
        raise typer.BadParameter("a folder of pictures goes to a folder, not to standard output")
    target = Path(output)
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {output}: {error.strerror}") from error
    failed: list[str] = []
    with files.bar("upscaling") as tell:
        for i, path in enumerate(paths):
            try:
                _picture(str(path), str(target / path.name), upscaler, to_8_bit, force)
            except PaucaError as error:
                failed.append(path.name)
                print(f"pauca: {path.name}: {error}", file=sys.stderr)
            tell(i + 1, len(paths))
    return {
        "input": str(source), "output": str(target), "pictures": len(paths) - len(failed),
        "failed": failed,
    }  # fmt: skip


def _video(
    input: str, output: str, upscaler: "Upscaler", options: Any, force: bool
) -> dict[str, Any]:
    from pauca.sr.video import upscale_video

    with files.bar("upscaling") as tell:
        done = upscale_video(input, output, upscaler, options, force, tell, files.warn)
    return {
        "input": input, "output": output, "frames": done.frames, "width": done.width,
        "height": done.height,
    }  # fmt: skip
