"""`pauca info` and `pauca models`."""

from typing import Annotated, Any

import typer

from pauca.cli import files
from pauca.cli.options import Input, Json
from pauca.cli.targets import fidelity_record
from pauca.container.headers import ImageHeader, StreamInfo, WeightsHeader
from pauca.container.metadata import NAMES

# Chunks of a picture that `info` names, with their sizes.
CARRIED = {"A": "alpha", "G": "graphics", "Q": "qualities", **NAMES}


def info(input: Input, json: Json = False) -> None:
    """Show what a pauca stream holds, or what a video carries of ours.

    Nothing is decoded and the model need not be installed; every checksum is verified.
    """
    from pauca.cli.video import is_video, show_video

    if is_video(input):
        show_video(input, json)
        return
    import pauca

    record = info_record(input, pauca.info(files.read_input(input)))
    if json:
        files.print_json(record)
        return
    width = max(map(len, record)) + 2
    for key, value in record.items():
        if key != "chunks":
            unit = " bytes" if key in CARRIED.values() else ""
            print(f"{key + ':':<{width}}{'infinite' if value is None else value}{unit}")
    for chunk in record["chunks"]:
        need = "critical" if chunk["critical"] else "ancillary"
        place = f"{chunk['size']} bytes at {chunk['offset']}"
        print(f"{'chunk:':<{width}}{chunk['type']} {need}, {place}")


def info_record(name: str, stream: StreamInfo) -> dict[str, Any]:
    """Return `stream` as the flat record that `pauca info` shows and prints as JSON."""
    record: dict[str, Any] = {
        "input": name,
        "kind": str(stream.kind),
        "version": "{}.{}".format(*stream.version),
        "bytes": stream.size,
    }
    if isinstance(stream.header, ImageHeader):
        header = stream.header
        record |= {
            "width": header.width,
            "height": header.height,
            "channels": header.channels,
            "bit_depth": header.bit_depth,
            "bpp": round(8 * stream.size / (header.width * header.height), 6),
            "pack_id": header.pack_id.hex(),
            "quality": header.quality,
        }
        if stream.has("G"):
            record["content"] = stream.content
        record |= {
            CARRIED[chunk.type]: chunk.size for chunk in stream.chunks if chunk.type in CARRIED
        }
    if stream.fidelity:
        record |= fidelity_record(stream.fidelity)
    if isinstance(stream.header, WeightsHeader):
        weights = stream.header
        record |= {
            "source": weights.source,
            "tensors": weights.tensors,
            "elements": weights.elements,
            "tensor_bytes": weights.nbytes,
            "ratio": round(weights.nbytes / stream.size, 4),
            "bits_per_weight": round(8 * stream.size / max(1, weights.elements), 4),
        }
        if weights.base:
            record["base"] = weights.base.hex()
    record["chunks"] = [vars(chunk) for chunk in stream.chunks]
    return record


def models(
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="A glob, e.g. img-*.")] = "*",
    json: Json = False,
) -> None:
    """List the model packs that are installed."""
    import pauca

    packs = pauca.list_models(pattern)
    for pack in packs:
        # A pack id is shown as `info` shows it: hexadecimal.
        pack_id = pack.pack_id.hex() if isinstance(pack.pack_id, bytes) else str(pack.pack_id)
        if json:
            files.print_json({**_fields(pack), "pack_id": pack_id})
        else:
            print(
                f"{pack.name:<14} {pack.version:<8} {pack_id}  {pack.domain:<8} "
                f"{pack.license:<12} {pack.summary}"
            )
    if not packs:
        files.report(f"no model pack matches {pattern}")


def _fields(pack: Any) -> dict[str, Any]:
    names = ("name", "version", "pack_id", "domain", "summary", "license")
    return {name: getattr(pack, name) for name in names}
