"""Command-line face of training and export; imported only when one of the two is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    data: Annotated[list[Path], typer.Option(help="Folder of photographs; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint.pt and log.jsonl.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="sr-x2-nano, sr-x2-small, sr-x4-small, teacher.")
    ] = "sr-x2-nano",
    hours: Annotated[float, typer.Option(help="Training time over all resumed parts.")] = 2.5,
    batch: Annotated[int, typer.Option(help="Crops per step.")] = 16,
    size: Annotated[int, typer.Option(help="Side of an input crop.")] = 64,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-3,
    exact_from: Annotated[
        float, typer.Option(help="Share of the time after which networks train as integers.")
    ] = 0.65,
    teacher: Annotated[
        Path | None, typer.Option(help="Checkpoint of a larger network to learn from.")
    ] = None,
    coded: Annotated[
        bool, typer.Option("--coded", help="Learn from input that x264 or x265 has been at.")
    ] = False,
    clips: Annotated[
        list[Path] | None, typer.Option(help="Folder of videos for --coded; may be repeated.")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 for torch's default.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    val: Annotated[Path | None, typer.Option(help="Folder of pictures to evaluate on.")] = None,
    init: Annotated[
        Path | None, typer.Option(help="Checkpoint whose weights to begin with.")
    ] = None,
    sizes: Annotated[
        str, typer.Option(help='Sizes that differ from the model\'s, as JSON: {"channels": 48}.')
    ] = "{}",
    seed: Annotated[int, typer.Option(help="Seed of weights and crops.")] = 0,
) -> None:
    """Train a super-resolution network; run the same command again to resume."""
    from pauca.nets.loop import with_sizes
    from pauca.sr.train import SrTrainConfig, sizes_of
    from pauca.sr.train import train as run

    config = SrTrainConfig(
        data=data, out=out, model=model, hours=hours, batch=batch, size=size, lr=lr,
        exact_from=exact_from, teacher=teacher, coded=coded, clips=clips or (), threads=threads,
        device=device, val=val, init=init, seed=seed,
        sizes=with_sizes(sizes_of(model), sizes),
    )  # fmt: skip
    print(run(config))


def export(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.pt of a training run.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the pack.")],
    name: Annotated[str, typer.Option(help="Name of the pack.")],
    version: Annotated[str, typer.Option(help="Version of the pack.")] = "0.1.0",
    data: Annotated[
        str, typer.Option(help="What it was trained on, for the manifest.")
    ] = "unstated",
) -> None:
    """Turn the averaged weights of a checkpoint into a model pack."""
    from pauca.sr.export import export as run

    info = run(checkpoint, out, name, version, data)
    print(f"{info.name} {info.version} {info.pack_id.hex()} {info.path}")
