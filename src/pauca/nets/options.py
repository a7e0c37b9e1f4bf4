"""Options that every `pauca train` and `pauca export` has."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[list[Path], typer.Option(help="Folder of photographs; may be repeated.")]
Out = Annotated[Path, typer.Option(help="Folder for checkpoint.pt and log.jsonl.")]
Hours = Annotated[float, typer.Option(help="Training time over all resumed parts.")]
Batch = Annotated[int, typer.Option(help="Crops per step.")]
Rate = Annotated[float, typer.Option("--lr", help="Peak learning rate.")]
ExactFrom = Annotated[
    float, typer.Option(help="Share of the time after which networks train as integers.")
]
Threads = Annotated[int, typer.Option(help="CPU threads; 0 for torch's default.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Val = Annotated[Path | None, typer.Option(help="Folder of pictures to evaluate on.")]
Init = Annotated[Path | None, typer.Option(help="Checkpoint whose weights to begin with.")]
Seed = Annotated[int, typer.Option(help="Seed of weights and crops.")]

Checkpoint = Annotated[Path, typer.Argument(help="checkpoint.pt of a training run.")]
PackFolder = Annotated[Path, typer.Option("-o", "--out", help="Folder of the pack.")]
PackName = Annotated[str, typer.Option(help="Name of the pack.")]
PackForce = Annotated[
    bool, typer.Option("--force", "-f", help="Replace the pack that the folder holds.")
]
PackVersion = Annotated[str, typer.Option(help="Version of the pack.")]
PackData = Annotated[str, typer.Option(help="What it was trained on, for the manifest.")]
