"""Unlabelled names for a student: what a teacher says of them is what there is to learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def vary(parts: Sequence[bytes], count: int, seed: int) -> list[bytes]:
    """Return `count` names made of `parts`: halves of two labels joined, characters exchanged or
    shuffled, suffixes of other names.
    """
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(parts), size=(count, 3))
    kinds = rng.integers(4, size=count)
    found = []
    for (a, b, c), kind in zip(picks, kinds, strict=True):
        label, _, own = parts[a].partition(b".")
        other = parts[b].partition(b".")[0]
        suffix = parts[c].partition(b".")[2] if kind else own
        if kind == 0 or kind == 1:
            label = label[: rng.integers(1, len(label) + 1)] + other[rng.integers(len(other)) :]
        elif kind == 2:
            letters = bytearray(label)
            for i in rng.integers(len(letters), size=1 + len(letters) // 8):
                letters[i] = other[i % len(other)]
            label = bytes(letters)
        elif rng.random() < 0.3:
            label = bytes(rng.permutation(np.frombuffer(label, np.uint8)))
        found.append(label[:63] + b"." + suffix)
    return found
