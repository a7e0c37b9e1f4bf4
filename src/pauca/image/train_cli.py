"""Command-line face of training and export; imported only when one of the two is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    data: Annotated[list[Path], typer.Option(help="Folder of photographs; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint.pt and log.jsonl.")],
    hours: Annotated[float, typer.Option(help="Training time over all resumed parts.")] = 2.5,
    batch: Annotated[int, typer.Option(help="Crops per step.")] = 2,
    size: Annotated[int, typer.Option(help="Side of a crop, a multiple of 128.")] = 256,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-3,
    exact_from: Annotated[
        float, typer.Option(help="Share of the time after which networks train as integers.")
    ] = 0.65,
    thrift: Annotated[
        float, typer.Option(help="Share of lmbda spent on bits in rounding, once exact.")
    ] = 0.0,
    measure: Annotated[str, typer.Option(help="psnr, ssim (MS-SSIM), or mix.")] = "psnr",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 for torch's default.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    val: Annotated[Path | None, typer.Option(help="Folder of pictures to evaluate on.")] = None,
    init: Annotated[
        Path | None, typer.Option(help="Checkpoint whose weights to begin with.")
    ] = None,
    sizes: Annotated[
        str, typer.Option(help='Sizes that differ, as JSON: {"mend_channels": 64}.')
    ] = "{}",
    seed: Annotated[int, typer.Option(help="Seed of weights and crops.")] = 0,
) -> None:
    """Train the picture model; run the same command again to resume after an interruption."""
    from pauca.image.model import ModelConfig
    from pauca.image.train import TrainConfig
    from pauca.image.train import train as run
    from pauca.nets.loop import with_sizes

    config = TrainConfig(
        data=data, out=out, hours=hours, batch=batch, size=size, lr=lr, exact_from=exact_from,
        thrift=thrift, measure=measure, threads=threads, device=device, val=val, init=init,
        seed=seed, sizes=with_sizes(ModelConfig(), sizes),
    )  # fmt: skip
    print(run(config))


def export(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.pt of a training run.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the pack.")],
    name: Annotated[str, typer.Option(help="Name of the pack.")] = "img-psnr",
    version: Annotated[str, typer.Option(help="Version of the pack.")] = "0.1.0",
    data: Annotated[
        str, typer.Option(help="What it was trained on, for the manifest.")
    ] = "unstated",
) -> None:
    """Turn the averaged weights of a checkpoint into a model pack."""
    from pauca.image.export import export as run

    info = run(checkpoint, out, name, version, data)
    print(f"{info.name} {info.version} {info.pack_id.hex()} {info.path}")
