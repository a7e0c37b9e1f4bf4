"""Print 100 times the AUC of an ONNX detector on labelled names; for `pauca shrink --eval`.

    python benchmarks/dga/auc.py MODEL.onnx --data test.csv.gz [--limit N]
    python benchmarks/dga/auc.py MODEL.onnx --data train.csv.gz --samples codes.npz

`--samples` writes codes of the first `--limit` names instead, for `pauca shrink --data`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from compare import onnx_scorer, rows_of

from pauca.apps.dga.data import read_names
from pauca.apps.dga.figures import figures

WIDTH = 32  # codes of a sample: what nine names in ten fit into


def main() -> None:
    parser = argparse.ArgumentParser(description="AUC of an ONNX detector.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--samples", type=Path)
    options = parser.parse_args()
    names = read_names(options.data)
    if options.limit:
        step = max(1, len(names) // options.limit)
        names = names.pick(np.arange(len(names)) % step == 0)
    if options.samples:
        np.savez(options.samples, codes=rows_of(names.part)[:, :WIDTH].astype(np.int64))
        return
    scores = onnx_scorer(options.model, 256)(names.part)
    print(f"{100 * figures(names.label, scores).auc:.4f}")


if __name__ == "__main__":
    main()
