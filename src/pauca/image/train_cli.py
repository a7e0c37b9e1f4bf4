"""Command-line face of training and export; imported only when one of the two is called."""

from __future__ import annotations

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
    hours: Hours = 2.5,
    batch: Batch = 2,
    size: Annotated[int, typer.Option(help="Side of a crop, a multiple of 128.")] = 256,
    lr: Rate = 1e-3,
    exact_from: ExactFrom = 0.65,
    thrift: Annotated[
        float, typer.Option(help="Share of lmbda spent on bits in rounding, once exact.")
    ] = 0.0,
    family: Annotated[str, typer.Option(help="wavelet, or vae (an autoencoder).")] = "wavelet",
    measure: Annotated[str, typer.Option(help="psnr, ssim (MS-SSIM), or mix.")] = "psnr",
    threads: Threads = 0,
    device: Device = "auto",
    val: Val = None,
    init: Init = None,
    sizes: Annotated[
        str, typer.Option(help='Sizes that differ, as JSON: {"mend_channels": 64}.')
    ] = "{}",
    seed: Seed = 0,
) -> None:
    """Train the picture model; run the same command again to resume after an interruption."""
    from pauca.image.train import TrainConfig, sizes_of
    from pauca.image.train import train as run
    from pauca.nets.loop import with_sizes

    config = TrainConfig(
        data=data, out=out, hours=hours, batch=batch, size=size, lr=lr, exact_from=exact_from,
        thrift=thrift, measure=measure, threads=threads, device=device, val=val, init=init,
        seed=seed, sizes=with_sizes(sizes_of(family), sizes),
    )  # fmt: skip
    print(run(config))


def train_look(
    data: Data,
    out: Out,
    pack: Annotated[str, typer.Option(help="Picture pack whose streams it is for.")] = "img-psnr",
    hours: Hours = 1.0,
    batch: Batch = 8,
    size: Annotated[int, typer.Option(help="Side of a crop, a multiple of 8.")] = 96,
    scenes: Annotated[int, typer.Option(help="Pieces that are decoded once.")] = 300,
    lr: Rate = 5e-4,
    exact_from: ExactFrom = 0.7,
    texture: Annotated[float, typer.Option(help="Weight of local energies.")] = 0.3,
    critic: Annotated[float, typer.Option(help="Weight of the discriminator.")] = 0.3,
    clarity: Annotated[float, typer.Option(help="Weight of visual information (VIF).")] = 0.0,
    crisp: Annotated[float, typer.Option(help="Sharpening of the originals, 0.2 for a fifth.")] = 0,
    threads: Threads = 0,
    device: Device = "auto",
    init: Init = None,
    seed: Seed = 0,
) -> None:
    """Train the natural look of a pack; run the same command again to resume."""
    from pauca.image.look_train_torch import LookTrainConfig
    from pauca.image.look_train_torch import train_look as run

    config = LookTrainConfig(
        data=data, out=out, pack=pack, hours=hours, batch=batch, size=size, scenes=scenes, lr=lr,
        exact_from=exact_from, texture=texture, critic=critic, clarity=clarity, crisp=crisp,
        threads=threads, device=device, init=init, seed=seed,
    )  # fmt: skip
    print(run(config))


def export_look(
    checkpoint: Checkpoint,
    out: PackFolder,
    pack: Annotated[str, typer.Option(help="Picture pack whose streams it is for.")] = "img-psnr",
    name: PackName = "img-psnr-natural",
    version: PackVersion = "0.1.0",
    data: PackData = "unstated",
    force: PackForce = False,
) -> None:
    """Turn the averaged weights of a look into a pack."""
    from pauca.image.look_torch import export_look as run
    from pauca.pack.registry import create_model
    from pauca.pack.store import check_free

    check_free(out, name, force)
    info = run(checkpoint, out, create_model(pack), name, version, data)
    print(f"{info.name} {info.version} {info.pack_id.hex()} {info.path}")


def export(
    checkpoint: Checkpoint,
    out: PackFolder,
    name: PackName = "img-psnr",
    version: PackVersion = "0.1.0",
    data: PackData = "unstated",
    force: PackForce = False,
) -> None:
    """Turn the averaged weights of a checkpoint into a model pack."""
    from pauca.image.export import export as run
    from pauca.pack.store import check_free

    check_free(out, name, force)
    info = run(checkpoint, out, name, version, data)
    print(f"{info.name} {info.version} {info.pack_id.hex()} {info.path}")
