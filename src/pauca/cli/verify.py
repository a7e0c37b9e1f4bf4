"""`pauca verify`: how far a picture or a stream is from the original, and whether it says so."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pauca.cli import files
from pauca.cli.image import packs_of
from pauca.cli.options import Force, Json
from pauca.cli.targets import decibels, fidelity_line, fidelity_record, similarity
from pauca.container.identify import identify
from pauca.errors import InputError, naming

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pauca.container.fidelity import Fidelity
    from pauca.metrics.compare import Comparison
    from pauca.pixels.picture import Picture

T = TypeVar("T")

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
    to_8_bit: Annotated[
        bool, typer.Option("--to-8-bit", help="Keep the upper 8 bits of deeper samples, as encode.")
    ] = False,
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
        a, b, stated = _load(original, other, model, to_8_bit)
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


def _load(
    original: str, other: str, model: Path | None, to_8_bit: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Fidelity | None]:
    """Colours of the original and of the other, and what the other states if it is a stream."""
    import pauca
    from pauca.pixels.files import read_image, read_picture

    packs = packs_of(model)
    data = files.read_input(other)
    file = io.BytesIO(files.read_input(original))
    if identify(data) is None:
        read = partial(read_image, to_8_bit=to_8_bit)
        return _named(original, read, file), _named(other, read, io.BytesIO(data)), None
    picture = pauca.decode_picture(data, packs=packs)
    first = _named(original, partial(read_picture, to_8_bit=to_8_bit), file)
    return *_colours(first, picture), pauca.info(data).fidelity


def _colours(original: Picture, decoded: Picture) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Colours of both as they were coded: the same way up, hidden ones filled, if they were."""
    import numpy as np

    from pauca.image.picture import colour_and_alpha
    from pauca.metrics.compare import same_channels
    from pauca.pixels.hidden import fill_hidden, flatten_hidden
    from pauca.pixels.picture import with_metadata

    a, alpha = colour_and_alpha(with_metadata(original, decoded.metadata).pixels)
    b, coded = colour_and_alpha(decoded.pixels)
    if a.shape[:2] != b.shape[:2]:
        return a, b  # the comparison refuses them
    opaque = np.full(a.shape[:2], 255, np.uint8)
    alpha, coded = (opaque if plane is None else plane for plane in (alpha, coded))
    if not np.array_equal(alpha, coded):
        raise InputError("not the picture that was encoded: its transparency is another")
    any_of = (fill_hidden(a, alpha), flatten_hidden(a, alpha), a)
    errors = [np.square(np.subtract(*same_channels(k, b), dtype=np.int32)).sum() for k in any_of]
    return any_of[int(np.argmin(errors))], b


def _named(path: str, read: Callable[[io.BytesIO], T], file: io.BytesIO) -> T:
    with naming(path):
        return read(file)


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
