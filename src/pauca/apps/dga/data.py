"""Labelled names: CSV files of `domain,label,family`, plain or gzip."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pauca.apps.dga.names import Unscored, normalise, scored_part
from pauca.container.files import PathLike, read_file
from pauca.errors import InputError
from pauca.limits import Limits

COLUMNS = ["domain", "label", "family"]
LIMITS = Limits(max_bytes=1 << 30)


@dataclass(frozen=True)
class Names:
    """Scored parts with `label` bool (n,), true for generated, and `family` of each.

    `rejected` counts the rows without a scored part, by reason.
    """

    part: list[bytes]
    label: NDArray[np.bool_]
    family: NDArray[np.str_]
    rejected: Counter[str]

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self.part)

    def pick(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Names:
        """Return the names at `chosen`, a mask or positions."""
        where = np.arange(len(self))[chosen]
        return Names(
            [self.part[i] for i in where], self.label[where], self.family[where], self.rejected
        )

    def only(self, families: Collection[str]) -> Names:
        """Return the names of other label and those of `families`; `InputError` if unknown."""
        return self.pick(~self.label | self.of(families))

    def of(self, families: Collection[str]) -> NDArray[np.bool_]:
        """Return which names are of `families`; `InputError` if one is unknown."""
        unknown = set(families) - set(self.family.tolist())
        if unknown:
            raise InputError(f"no family {sorted(unknown)[0]!r} in the data")
        return np.isin(self.family, list(families))


def read_names(path: PathLike) -> Names:
    """Return the rows of a CSV file with a header line; the content says whether it is gzip.

    A hostile domain is counted and left out. Raises `InputError` on another header, on a row of
    another form (with its line), on damaged gzip; `LimitError` beyond 1 GiB.
    """
    text = _text(path)
    parts: list[bytes] = []
    labels: list[bool] = []
    families: list[str] = []
    rejected: Counter[str] = Counter()
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        if next(rows, None) != COLUMNS:
            raise InputError(f"{path}: the first line must be {','.join(COLUMNS)}")
        for row in rows:
            if len(row) != 3 or row[1] not in ("0", "1"):
                raise InputError(f"{path}, line {rows.line_num}: not domain,0 or 1,family")
            try:
                parts.append(scored_part(normalise(row[0].encode("utf-8", "surrogateescape"))))
            except Unscored as reason:
                rejected[str(reason)] += 1
                continue
            labels.append(row[1] == "1")
            families.append(row[2])
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}") from None
    return Names(parts, np.array(labels, bool), np.array(families, str), rejected)


def _text(path: PathLike) -> str:
    data = read_file(path, LIMITS)
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(LIMITS.max_bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{Path(path)} is damaged: {error}") from None
        LIMITS.check_bytes(len(data))
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
