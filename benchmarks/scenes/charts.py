"""Charts and maps to learn from, drawn by matplotlib with random data."""

from __future__ import annotations

import io

import numpy as np
from draw import Rng, words
from PIL import Image


def chart(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """One to four plots in one of matplotlib's styles."""
    import matplotlib.pyplot as plt

    styles = ["default", "ggplot", "dark_background", "bmh", "fivethirtyeight", "grayscale"]
    dpi = int(rng.choice([60, 80, 100, 150]))
    with plt.style.context(styles[rng.integers(len(styles))]):
        if rng.random() < 0.1:
            plt.rcParams["text.antialiased"] = plt.rcParams["lines.antialiased"] = False
        rows, columns = int(rng.integers(1, 3)), int(rng.integers(1, 3))
        figure, axes = plt.subplots(
            rows, columns, figsize=(size[0] / dpi, size[1] / dpi), dpi=dpi, squeeze=False
        )
        for axis in axes.flat:
            PLOTS[rng.integers(len(PLOTS))](rng, axis)
            if rng.random() < 0.6:
                axis.set_title(words(rng, 3))
                axis.set_xlabel(words(rng, 2))
            axis.grid(bool(rng.random() < 0.5))
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=dpi)
        plt.close(figure)
    return Image.open(buffer).convert("RGB").crop((0, 0, *size))


def _lines(rng: Rng, axis) -> None:  # type: ignore[no-untyped-def]
    for _ in range(int(rng.integers(1, 6))):
        axis.plot(np.cumsum(rng.normal(size=80)), label=words(rng, 1), lw=rng.uniform(0.5, 3))
    axis.legend()


def _bars(rng: Rng, axis) -> None:  # type: ignore[no-untyped-def]
    axis.bar(np.arange(9), rng.random(9), yerr=rng.random(9) / 8 if rng.random() < 0.4 else None)


def _dots(rng: Rng, axis) -> None:  # type: ignore[no-untyped-def]
    count = int(rng.integers(20, 400))
    axis.scatter(*rng.normal(size=(2, count)), s=rng.uniform(4, 60), alpha=rng.choice([0.4, 1.0]))


def _map(rng: Rng, axis) -> None:  # type: ignore[no-untyped-def]
    """Filled contours of a random field: the look of a map of heights."""
    x, y = np.meshgrid(np.linspace(-3, 3, 60), np.linspace(-3, 3, 60))
    field = sum(
        rng.normal() * np.sin(rng.normal() * x + rng.normal() * y + rng.normal()) for _ in range(6)
    )
    names = ["terrain", "viridis", "Pastel1", "coolwarm", "tab20"]
    axis.contourf(x, y, field, int(rng.integers(4, 20)), cmap=names[rng.integers(len(names))])
    if rng.random() < 0.6:
        axis.contour(x, y, field, 8, colors="k", linewidths=0.6)


def _pie(rng: Rng, axis) -> None:  # type: ignore[no-untyped-def]
    axis.pie(rng.random(6) + 0.1, labels=[words(rng, 1) for _ in range(6)])


def _cells(rng: Rng, axis) -> None:  # type: ignore[no-untyped-def]
    axis.imshow(rng.random((8, 10)), interpolation="nearest", aspect="auto")


PLOTS = (_lines, _bars, _dots, _map, _pie, _cells)
