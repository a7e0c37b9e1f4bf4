"""Command-line face of training and export; imported only when one of the two is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pauca.nets.options import (
    Batch,
    Checkpoint,
    Data,
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
    Val,
)


def train(
    data: Data,
    out: Out,
    model: Annotated[
        str, typer.Option("--model", "-m", help="sr-x2-nano, sr-x2-small, sr-x4-small, teacher.")
    ] = "sr-x2-nano",
    hours: Hours = 2.5,
    batch: Batch = 16,
    size: Annotated[int, typer.Option(help="Side of an input crop.")] = 64,
    lr: Rate = 1e-3,
    exact_from: ExactFrom = 0.65,
    squared_from: Annotated[
        float, typer.Option(help="Share of the time after which the loss is PSNR's.")
    ] = 0.8,
    teacher: Annotated[
        Path | None, typer.Option(help="Checkpoint of a larger network to learn from.")
    ] = None,
    coded: Annotated[
        bool, typer.Option("--coded", help="Learn from input that x264 or x265 has been at.")
    ] = False,
    clips: Annotated[
        list[Path] | None, typer.Option(help="Folder of videos for --coded; may be repeated.")
    ] = None,
    threads: Threads = 0,
    device: Device = "auto",
    val: Val = None,
    init: Init = None,
    sizes: Annotated[
        str, typer.Option(help='Sizes that differ from the model\'s, as JSON: {"channels": 48}.')
    ] = "{}",
    seed: Seed = 0,
) -> None:
    """Train a super-resolution network; run the same command again to resume."""
    from pauca.nets.loop import with_sizes
    from pauca.sr.train import SrTrainConfig, sizes_of
    from pauca.sr.train import train as run

    config = SrTrainConfig(
        data=data, out=out, model=model, hours=hours, batch=batch, size=size, lr=lr,
        exact_from=exact_from, squared_from=squared_from, teacher=teacher, coded=coded,
        clips=clips or (), threads=threads,
        device=device, val=val, init=init, seed=seed,
        sizes=with_sizes(sizes_of(model), sizes),
    )  # fmt: skip
    print(run(config))


def train_look(
    data: Data,
    out: Out,
    init: Annotated[
        Path | None, typer.Option(help="Checkpoint of a trained network, or of a look.")
    ] = None,
    hours: Hours = 1.0,
    batch: Batch = 8,
    size: Annotated[int, typer.Option(help="Side of an input crop.")] = 32,
    lr: Rate = 5e-4,
    exact_from: ExactFrom = 0.7,
    absolute: Annotated[float, typer.Option(help="Weight of absolute error.")] = 1.0,
    texture: Annotated[float, typer.Option(help="Weight of local energies.")] = 0.3,
    critic: Annotated[float, typer.Option(help="Weight of the discriminator.")] = 0.3,
    threads: Threads = 0,
    device: Device = "auto",
    val: Val = None,
    seed: Seed = 0,
) -> None:
    """Train the natural look of a super-resolution network; run the same command again to resume.

    `pauca export sr` makes a pack of it.
    """
    from pauca.sr.look_train_torch import SrLookConfig
    from pauca.sr.look_train_torch import train_look as run

    config = SrLookConfig(
        data=data, out=out, init=init, hours=hours, batch=batch, size=size, lr=lr,
        exact_from=exact_from, absolute=absolute, texture=texture, critic=critic,
        threads=threads, device=device, val=val, seed=seed,
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
    from pauca.sr.export import export as run

    check_free(out, name, force)
    info = run(checkpoint, out, name, version, data)
    print(f"{info.name} {info.version} {info.pack_id.hex()} {info.path}")
