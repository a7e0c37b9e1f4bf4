"""Command-line face of training and export; imported only when one of the two is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pauca.nets.options import (
    Checkpoint,
    Device,
    ExactFrom,
    Hours,
    Init,
    Out,
    PackData,
    PackFolder,
    PackForce,
    PackName,
    PackVersion,
    Rate,
    Seed,
    Threads,
)


def train(
    out: Out,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of photographs, which are moved; may be repeated."),
    ] = None,
    clips: Annotated[
        list[Path] | None, typer.Option(help="Folder of videos, or a video; may be repeated.")
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="Folder of the coded set, made or completed; default: OUT/pairs."),
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="vf-restore, vf-sr2.")] = "vf-restore",
    hours: Hours = 2.5,
    groups: Annotated[int, typer.Option(help="Encodes per step.")] = 4,
    each: Annotated[int, typer.Option(help="Crops of each encode.")] = 6,
    size: Annotated[int, typer.Option(help="Side of a crop of coded luma.")] = 64,
    lr: Rate = 1e-3,
    exact_from: ExactFrom = 0.65,
    threads: Threads = 0,
    device: Device = "auto",
    val: Annotated[
        Path | None, typer.Option(help="Folder of another coded set, to evaluate on.")
    ] = None,
    init: Init = None,
    sizes: Annotated[
        str, typer.Option(help='Sizes that differ from the model\'s, as JSON: {"channels": 32}.')
    ] = "{}",
    seed: Seed = 0,
) -> None:
    """Train a filter of decoded video; run the same command again to resume."""
    from pauca.nets.loop import with_sizes
    from pauca.video.filters.train import FilterTrainConfig, sizes_of
    from pauca.video.filters.train import train as run

    config = FilterTrainConfig(
        data=data or (), clips=clips or (), out=out, pairs=pairs, model=model, hours=hours,
        groups=groups, each=each, size=size, lr=lr, exact_from=exact_from,
        threads=threads, device=device, val=val, init=init, seed=seed,
        sizes=with_sizes(sizes_of(model), sizes),
    )  # fmt: skip
    print(run(config))


def export(
    checkpoint: Checkpoint,
    out: PackFolder,
    name: PackName,
    version: PackVersion = "0.1.0",
    data: PackData = "unstated",
    force: PackForce = False,
) -> None:
    """Turn the averaged weights of a checkpoint into a model pack."""
    from pauca.pack.store import check_free
    from pauca.video.filters.export import export as run

    check_free(out, name, force)
    info = run(checkpoint, out, name, version, data)
    print(f"{info.name} {info.version} {info.pack_id.hex()} {info.path}")
