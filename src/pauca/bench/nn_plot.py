"""The curve of a search: size against accuracy, or against error where nothing was evaluated."""

from collections.abc import Sequence

from pauca.bench.report import figure_bytes, load_matplotlib
from pauca.nn.search import Trial


def plot_trials(trials: Sequence[Trial], best: Trial) -> bytes:
    """Return a PNG of all trials, a line for each value of the second dial, the best one ringed."""
    figure = load_matplotlib()(figsize=(7, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for i, other in enumerate(sorted({trial.lmbda for trial in trials})):
        line = sorted((t for t in trials if t.lmbda == other), key=lambda trial: trial.size)
        axes.plot(
            [trial.size for trial in line],
            [_height(trial) for trial in line],
            marker="o",
            color=f"C{i % 10}",
            label=f"second dial {other:g}",
        )
    axes.plot([best.size], [_height(best)], "o", markersize=14, fillstyle="none", color="black")
    axes.set_xlabel("bytes")
    axes.set_xscale("log")
    axes.set_ylabel("relative error of weights" if best.accuracy is None else "accuracy")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure_bytes(figure)


def _height(trial: Trial) -> float:
    return trial.error if trial.accuracy is None else trial.accuracy
