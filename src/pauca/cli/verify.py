"""`pauca verify`: how far a picture or a stream is from the original, and whether it says so."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pauca.cli import files
from pauca.cli.codec import Force, Json
from pauca.cli.targets import decibels, fidelity_line, fidelity_record, similarity
from pauca.container.identify import identify
from pauca.errors import InputError, PaucaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pauca.container.fidelity import Fidelity
    from pauca.metrics.compare import Comparison

Psnr = Annotated[
    float | None, typer.Option("--min-psnr", min=0, help="Fail below this PSNR, in dB.")
]
MsSsim = Annotated[
    float | None,
    typer.Option("--min-ms-ssim", min=0, max=1, help="Fail below this MS-SSIM, 0 to 1."),
]
TilePsnr = Annotated[
    float | None,
    typer.Option(
        "--min-tile-psnr",
        min=0,
        help="Fail where a tile of 64 x 64 pixels is below this PSNR, in dB.",
    ),
]


def verify(
    original: Annotated[str, typer.Argument(metavar="A", help="The original, or - for a pipe.")],
    other: Annotated[
        str, typer.Argument(metavar="B", help="A picture or a pauca stream, or - for a pipe.")
    ],
    min_psnr: Psnr = None,
    min_ms_ssim: MsSsim = None,
    min_tile_psnr: TilePsnr = None,
    map: Annotated[
        Path | None,
        typer.Option(
            help="Write a PNG of the differences: black where equal, 32 levels brighter for every"
            " octave (1 is 32, 3 is 64, 255 is white), the worst tile framed in red."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Folder of a model pack that is not shipped."),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Say how far B is from A.

    Where B is a stream that states its fidelity, the statement is checked against A. Exits with 1
    where it does not hold or a --min-... is missed.
    """
    from pauca.metrics.compare import compare, same_channels

    if original == other == files.STANDARD:
        raise typer.BadParameter("A and B cannot both be standard input")
    if map:
        _check_map(map, force)
    with files.progress(f"comparing {original} and {other}"):
        a = _picture(files.read_input(original), original)
        b, stated = _load(other, model)
        a, b = same_channels(a, b)
        found = compare(a, b)
    if map:
        _write_map(map, a, b, found, force)
    wanted = {"psnr": min_psnr, "ms_ssim": min_ms_ssim, "tile_psnr": min_tile_psnr}
    faults = _missed(found, wanted)
    lie = _false_claim(stated, found, a, b)
    if lie:
        faults.append(lie)
    record = {"original": original, "other": other, **fidelity_record(found)}
    record |= {"largest": found.largest, "differing": found.differing}
    record |= {"stated": stated and fidelity_record(stated), "stated_is_true": stated and not lie}
    if json:
        files.print_json(record)
    else:
        _print(found, stated, lie)
    if faults:
        raise InputError("; ".join(faults))


def _load(path: str, model: Path | None) -> tuple[NDArray[np.uint8], Fidelity | None]:
    """Pixels of a picture or of a stream, and what the stream states."""
    import pauca

    data = files.read_input(path)
    if identify(data) is None:
        return _picture(data, path), None
    pixels = pauca.decode(data, packs=[model] if model else [])
    return pixels, pauca.info(data).fidelity


def _picture(data: bytes, path: str) -> NDArray[np.uint8]:
    from pauca.pixels.files import read_image

    try:
        return read_image(io.BytesIO(data))
    except PaucaError as error:
        raise type(error)(f"{path}: {error}") from error


def _missed(found: Comparison, wanted: dict[str, float | None]) -> list[str]:
    """One phrase for every threshold that is not reached."""
    faults = []
    for name, least in wanted.items():
        reached = getattr(found, name)
        if least is not None and not reached >= least:
            what = {"psnr": "PSNR", "ms_ssim": "MS-SSIM", "tile_psnr": "the worst tile"}[name]
            text = similarity(reached) if name == "ms_ssim" else decibels(reached)
            faults.append(f"{what} is {text}, below {least:g}")
    return faults


def _false_claim(
    stated: Fidelity | None, found: Comparison, a: NDArray[np.uint8], b: NDArray[np.uint8]
) -> str | None:
    from pauca.image.fidelity import untrue

    wrong = untrue(stated, found, a, b) if stated else None
    return wrong and f"not the picture that was encoded, or a false statement: it states {wrong}"


def _print(found: Comparison, stated: Fidelity | None, lie: str | None) -> None:
    x, y = found.tile
    print(f"PSNR:       {decibels(found.psnr)}")
    print(f"MS-SSIM:    {similarity(found.ms_ssim)}")
    print(f"worst tile: {decibels(found.tile_psnr)} at ({x}, {y})")
    print(f"largest:    {found.largest}")
    print(f"differing:  {100 * found.differing:.4g} % of the pixels")
    if stated:
        print(f"stated:     {fidelity_line(stated)}: {'false' if lie else 'true'}")


def _check_map(path: Path, force: bool) -> None:
    if path.suffix.lower() != ".png":
        raise typer.BadParameter(f"--map writes PNG; {path} does not end in .png")
    files.check_output(str(path), force)


def _write_map(
    path: Path, a: NDArray[np.uint8], b: NDArray[np.uint8], found: Comparison, force: bool
) -> None:
    from pauca.metrics.compare import difference_map, largest_differences
    from pauca.pixels.files import write_image

    frame = found.tile if found.largest else None
    write_image(path, difference_map(largest_differences(a, b), frame), force)
