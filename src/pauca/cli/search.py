"""`pauca encode` of networks by a wish: every trial in a table, the best one in the file."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pauca.cli import files
from pauca.errors import InputError

if TYPE_CHECKING:
    from pauca.nn.calibration import Calibration
    from pauca.nn.model import Network
    from pauca.nn.search import Trial
    from pauca.nn.wish import Answer


@dataclass(frozen=True)
class SearchRequest:
    """Options of `encode` that make a search, or name a quantizer; None where not given."""

    max_drop: float | None
    target_size: int | None
    bits_per_weight: float | None
    eval: str | None
    quantizer: str | None
    calibration: Path | None
    plot: Path | None

    @property
    def is_search(self) -> bool:
        """Whether there is something to search for."""
        return not self.max_drop is self.target_size is self.bits_per_weight is None


def search_network_file(
    data: bytes, input: str, output: str, request: SearchRequest, jobs: int, force: bool, json: bool
) -> None:
    """Code the network file `data` as `request` wishes it, and report all trials."""
    from pauca.nn.calibration import load_calibration
    from pauca.nn.model import read_network
    from pauca.pack.runtime import threads_of

    if request.plot:
        _check_plot(request.plot, force)
    start = time.perf_counter()
    folder = None if input == files.STANDARD else Path(input).resolve().parent
    network = read_network(data, folder=folder)
    known = load_calibration(request.calibration) if request.calibration else None
    threads = threads_of(jobs)
    trials: tuple[Trial, ...] = ()
    best: Trial | None = None
    if request.is_search:
        answer = _search(network, request, known, threads)
        stream, best, trials = answer.stream, answer.best, answer.trials
    else:
        stream = _once(network, request, known, threads)
    files.write_output(output, stream, force)
    if request.plot and best:
        _plot(request.plot, trials, best, force)
    seconds = time.perf_counter() - start
    if trials and not json:
        _print_table(trials, best)
    ratio, bits = len(data) / len(stream), 8 * len(stream) / max(1, network.elements)
    record: dict[str, Any] = {
        "input": input, "output": output, "bytes": len(stream), "ratio": ratio,
        "bits_per_weight": bits, "seconds": seconds,
        "best": asdict(best) if best else None, "trials": [asdict(trial) for trial in trials],
    }  # fmt: skip
    line = f"{output}: {len(stream)} bytes, {ratio:.2f} times smaller, {bits:.3f} bits per weight"
    files.report(f"{line}, {seconds:.2f} s", record if json else None)


def _once(
    network: Network, request: SearchRequest, known: Calibration | None, threads: int
) -> bytes:
    from pauca.nn.wish import compress_at

    if request.plot or request.eval:
        raise InputError("--plot and --eval need a wish: --max-drop, --target-size, ...")
    if not request.quantizer:
        raise InputError("--calibration needs a --quantizer=SETTING or a wish (--max-drop, ...)")
    return compress_at(network, request.quantizer, known, threads)


def _search(
    network: Network, request: SearchRequest, known: Calibration | None, threads: int
) -> Answer:
    from pauca.nn.search import CommandEvaluation
    from pauca.nn.wish import Wish, compress_to

    evaluate = CommandEvaluation(request.eval) if request.eval else None
    wish = Wish(request.max_drop, request.target_size, request.bits_per_weight, evaluate)
    with _reporting() as report:
        return compress_to(network, wish, request.quantizer, known, threads, report)


@contextlib.contextmanager
def _reporting() -> Iterator[Callable[[Trial], None]]:
    """Give what tells of every trial while standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda trial: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("searching", total=None)
        count = 0

        def tell(trial: Trial) -> None:
            nonlocal count
            count += 1
            accuracy = "" if trial.accuracy is None else f", accuracy {trial.accuracy:g}"
            bar.update(task, description=f"trial {count}: {trial.size} bytes{accuracy}")

        yield tell


def _print_table(trials: tuple[Trial, ...], best: Trial | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("setting", "second dial", "bytes", "relative error", "accuracy", ""):
        table.add_column(column, justify="right")
    for trial in trials:
        accuracy = "-" if trial.accuracy is None else f"{trial.accuracy:g}"
        mark = "chosen" if trial == best else ""
        table.add_row(
            f"{trial.step:.4g}", f"{trial.lmbda:g}", str(trial.size), f"{trial.error:.4f}",
            accuracy, mark,
        )  # fmt: skip
    Console(stderr=True).print(table)


def _check_plot(path: Path, force: bool) -> None:
    from pauca.bench.report import load_matplotlib
    from pauca.container.files import check_target

    check_target(path, force)
    load_matplotlib()


def _plot(path: Path, trials: tuple[Trial, ...], best: Trial, force: bool) -> None:
    from pauca.bench.nn_plot import plot_trials
    from pauca.container.files import atomic_write

    atomic_write(path, plot_trials(trials, best), force)
