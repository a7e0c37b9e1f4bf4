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
    PackForce,
    Rate,
    Seed,
    Threads,
)

Data = Annotated[
    list[Path], typer.Option(help="CSV of domain,label,family, also gzip; may be repeated.")
]
Held = Annotated[str, typer.Option(help="Families to leave out, between commas.")]


def train(
    data: Data,
    out: Out,
    model: Annotated[
        str, typer.Option("--model", "-m", help="ngram, cnn, cnn-small, lstm, transformer.")
    ] = "ngram",
    hours: Hours = 0.2,
    batch: Annotated[int, typer.Option(help="Names per step.")] = 256,
    lr: Rate = 2e-3,
    exact_from: ExactFrom = 0.5,
    sparsity: Annotated[
        float, typer.Option(help="How strongly table entries are drawn to zero (ngram).")
    ] = 0.0,
    dropout: Annotated[
        float, typer.Option(help="Share of n-grams that a step leaves out (ngram).")
    ] = 0.0,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Checkpoint of a larger network to learn from; may be repeated."),
    ] = None,
    teaching: Annotated[float, typer.Option(help="Weight of the teacher on labelled names.")] = 0.7,
    matching: Annotated[
        float, typer.Option(help="Weight of the distance to the teacher's logits.")
    ] = 0.0,
    variations: Annotated[
        int, typer.Option(help="Unlabelled names, made of the others, to learn from.")
    ] = 300_000,
    held: Held = "",
    threads: Threads = 1,
    device: Device = "auto",
    init: Init = None,
    sizes: Annotated[
        str, typer.Option(help='Sizes that differ from the model\'s, as JSON: {"channels": 32}.')
    ] = "{}",
    seed: Seed = 0,
) -> None:
    """Train a network; run the same command again to resume."""
    from pauca.apps.dga.train import DgaTrainConfig, sizes_of
    from pauca.apps.dga.train import train as run
    from pauca.nets.loop import with_sizes

    config = DgaTrainConfig(
        data=data, out=out, model=model, hours=hours, batch=batch, lr=lr, exact_from=exact_from,
        sparsity=sparsity, dropout=dropout, teacher=teacher or (), teaching=teaching,
        matching=matching, variations=variations, held=_split(held), threads=threads,
        device=device, init=init, seed=seed, val_minutes=3.0,
        sizes=with_sizes(sizes_of(model), sizes),
    )  # fmt: skip
    print(run(config))


def export(
    checkpoint: Checkpoint,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder of the detector, or file of the graph.")
    ],
    data: Annotated[
        list[Path] | None, typer.Option(help="Data of the training, to set the threshold on.")
    ] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write an ONNX graph instead.")] = False,
    name: Annotated[str, typer.Option(help="Name of the detector.")] = "dga-ngram",
    version: Annotated[str, typer.Option(help="Version of the detector.")] = "0.1.0",
    price: Annotated[
        float, typer.Option(min=0, help="Price of a bit of a table entry; 0 rounds to nearest.")
    ] = 0.0,
    held: Held = "",
    force: PackForce = False,
    seed: Seed = 0,
) -> None:
    """Turn the averaged weights of a checkpoint into a detector or an ONNX graph."""
    from pauca.apps.dga.export import export as run
    from pauca.apps.dga.export import onnx_bytes
    from pauca.apps.dga.train import DgaTrainConfig, load_model
    from pauca.container.files import atomic_write
    from pauca.errors import InputError
    from pauca.pack.store import check_free

    if onnx:
        atomic_write(out, onnx_bytes(load_model(checkpoint)), force)
        return
    check_free(out, name, force)
    if not data:
        raise InputError("a detector needs --data, the data of its training")
    config = DgaTrainConfig(data=data, out=out, held=_split(held), seed=seed)
    info = run(checkpoint, out, name, version, config, price)
    print(f"{info.name} {info.version} {info.pack_id.hex()} {info.path}")


def _split(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
