"""Entropy coders side by side: Msymbol/s on one core and size against the tables' entropy.

    python benchmarks/entropy.py [--symbols N] [--json FILE]

Every coder gets the same Gaussian symbols with a table index of their own per symbol, in random
order. constriction and CompressAI's rANS are timed if they can be imported (the latter needs only
its extension: `pip install --no-deps compressai`); absent ones are named, not guessed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca._core import rans_paths
from pauca.coding import LatentDecoder, Tables, encode_latents, entropy_bits, gaussian_tables
from pauca.coding.cabac import Engine, decode_bins, encode_bins

SCALES = np.exp(np.linspace(np.log(0.06), np.log(64.0), 64))


@dataclass(frozen=True)
class Data:
    """One message: `indexes` name the tables of `symbols`."""

    name: str
    symbols: NDArray[np.int16]
    indexes: NDArray[np.uint8]
    tables: Tables
    bits: float


@dataclass(frozen=True)
class Row:
    """Speeds in million symbols (or bins) per second; excess of the size over the entropy in %."""

    data: str
    coder: str
    encode: float
    decode: float
    bytes: int
    excess: float


def make_data(name: str, n: int, indexes: NDArray[np.uint8]) -> Data:
    rng = np.random.default_rng(7)
    tables = gaussian_tables(SCALES.tolist())
    symbols = np.rint(rng.normal(size=n) * SCALES[indexes]).astype(np.int16)
    return Data(name, symbols, indexes, tables, entropy_bits(symbols, indexes, tables))


def datasets(n: int) -> list[Data]:
    rng = np.random.default_rng(3)
    flat = rng.integers(0, 64, n).astype(np.uint8)
    # Pictures: most scales are small, few are large.
    skewed = np.minimum(rng.exponential(9.0, n), 63).astype(np.uint8)
    small = skewed[: min(n, 60_000)]
    return [
        make_data("64 tables, equally often", n, flat),
        make_data("64 tables, small scales often", n, skewed),
        make_data("the same, one small picture", len(small), small),
    ]


def fastest(call: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    best, result = float("inf"), None
    for _ in range(repeat):
        start = time.perf_counter()
        result = call()
        best = min(best, time.perf_counter() - start)
    return best, result


def row(data: Data, coder: str, encode_s: float, decode_s: float, size: int) -> Row:
    million = len(data.symbols) / 1e6
    excess = 100 * (8 * size / data.bits - 1)
    return Row(data.name, coder, million / encode_s, million / decode_s, size, excess)


def check(decoded: Any, data: Data, coder: str) -> None:
    if not np.array_equal(np.asarray(decoded), data.symbols):
        raise SystemExit(f"{coder}: decoded symbols differ")


def bench_pauca(data: Data) -> list[Row]:
    rows = []
    encode_s, stream = fastest(lambda: encode_latents(data.symbols, data.indexes, data.tables), 5)
    for path in rans_paths():

        def decode(path: str = path) -> NDArray[np.int16]:
            decoder = LatentDecoder(stream, data.tables, path)
            symbols = decoder.decode(data.indexes)
            decoder.finish()
            return symbols

        decode_s, decoded = fastest(decode, 5)
        check(decoded, data, "pauca")
        rows.append(row(data, f"pauca rANS, {path}", encode_s, decode_s, len(stream)))
    return rows


def bench_constriction_gaussian(data: Data, constriction: ModuleType) -> Row:
    """Per-symbol scales, the library's own way to change models from symbol to symbol."""
    reach = 400
    family = constriction.stream.model.QuantizedGaussian(-reach, reach)
    symbols = np.clip(data.symbols, -reach, reach).astype(np.int32)
    scales = SCALES[data.indexes]
    means = np.zeros_like(scales)

    def encode() -> NDArray[np.uint32]:
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(symbols, family, means, scales)
        return coder.get_compressed()

    encode_s, words = fastest(encode, 2)
    decode_s, decoded = fastest(
        lambda: constriction.stream.stack.AnsCoder(words).decode(family, means, scales), 2
    )
    if not np.array_equal(decoded, symbols):
        raise SystemExit("constriction: decoded symbols differ")
    return row(data, "constriction, Gaussian per symbol", encode_s, decode_s, 4 * len(words))


def bench_constriction_tables(data: Data, constriction: ModuleType) -> Row:
    """One call per table on symbols sorted by table: its best case, order given up."""
    models, groups = [], []
    for i, cdf in enumerate(data.tables.cdf):
        mass = np.diff(cdf.astype(np.float64))[: data.tables.size[i] + 1] / 65536
        models.append(constriction.stream.model.Categorical(mass, perfect=False))
        group = data.symbols[data.indexes == i].astype(np.int32) - data.tables.offset[i]
        # Symbols beyond the table become its escape: constriction has no code for the rest.
        inside = (group >= 0) & (group < data.tables.size[i])
        groups.append(np.where(inside, group, data.tables.size[i]).astype(np.int32))

    def encode() -> NDArray[np.uint32]:
        coder = constriction.stream.stack.AnsCoder()
        for model, group in zip(reversed(models), reversed(groups), strict=True):
            coder.encode_reverse(group, model)
        return coder.get_compressed()

    def decode(words: NDArray[np.uint32]) -> list[NDArray[np.int32]]:
        coder = constriction.stream.stack.AnsCoder(words)
        return [coder.decode(m, len(g)) for m, g in zip(models, groups, strict=True)]

    encode_s, words = fastest(encode, 3)
    decode_s, decoded = fastest(lambda: decode(words), 3)
    if not all(np.array_equal(a, b) for a, b in zip(decoded, groups, strict=True)):
        raise SystemExit("constriction: decoded symbols differ")
    return row(data, "constriction, sorted by table", encode_s, decode_s, 4 * len(words))


def load_compressai() -> ModuleType | None:
    """Load the extension alone: the package around it imports torch and much more."""
    spec = importlib.util.find_spec("compressai")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for file in (f for folder in folders for f in sorted(Path(folder).glob("ans.*so"))):
        found = importlib.util.spec_from_file_location("compressai.ans", file)
        if found is not None and found.loader is not None:
            module = importlib.util.module_from_spec(found)
            found.loader.exec_module(module)
            return module
    return None


def bench_compressai(data: Data, ans: ModuleType) -> Row:
    """Lists are made outside the clock, though its callers pay for them."""
    lengths = (data.tables.size + 2).tolist()
    rows = [r[:n].tolist() for r, n in zip(data.tables.cdf, lengths, strict=True)]
    offsets = data.tables.offset.tolist()
    symbols, indexes = data.symbols.tolist(), data.indexes.tolist()
    encoder, decoder = ans.RansEncoder(), ans.RansDecoder()
    encode_s, stream = fastest(
        lambda: encoder.encode_with_indexes(symbols, indexes, rows, lengths, offsets), 3
    )
    decode_s, decoded = fastest(
        lambda: decoder.decode_with_indexes(stream, indexes, rows, lengths, offsets), 3
    )
    check(decoded, data, "CompressAI")
    return row(data, "CompressAI rANS, ready lists", encode_s, decode_s, len(stream))


def bench_cabac(n: int) -> list[Row]:
    rng = np.random.default_rng(11)
    p = np.array([0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 0.99])
    contexts = rng.integers(0, len(p), n).astype(np.uint16)
    bins = (rng.random(n) < p[contexts]).astype(np.uint8)
    ideal = -np.log2(np.where(bins, p[contexts], 1 - p[contexts])).sum() / 8
    rows = []
    for engine in (Engine.RANGE, Engine.H264):
        encode_s, stream = fastest(lambda e=engine: encode_bins(bins, contexts, len(p), e), 3)
        decode_s, decoded = fastest(
            lambda e=engine, s=stream: decode_bins(s, contexts, len(p), e), 3
        )
        if not np.array_equal(decoded, bins):
            raise SystemExit("CABAC: decoded bins differ")
        excess = 100 * (len(stream) / ideal - 1)
        name = f"pauca CABAC, {engine.name}"
        rows.append(
            Row(
                "bins, 8 contexts",
                name,
                n / encode_s / 1e6,
                n / decode_s / 1e6,
                len(stream),
                excess,
            )
        )
    return rows


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def run(n: int) -> list[Row]:
    try:
        import constriction
    except ImportError:
        constriction = None
        print("constriction: not installed, left out", file=sys.stderr)
    ans = load_compressai()
    if ans is None:
        print("CompressAI: not installed, left out", file=sys.stderr)
    rows: list[Row] = []
    for data in datasets(n):
        rows += bench_pauca(data)
        if constriction is not None:
            rows.append(bench_constriction_gaussian(data, constriction))
            rows.append(bench_constriction_tables(data, constriction))
        if ans is not None:
            rows.append(bench_compressai(data, ans))
    return rows + bench_cabac(n)


def main() -> None:
    parser = argparse.ArgumentParser(description="Entropy coders side by side.")
    parser.add_argument("--symbols", type=int, default=2_000_000, help="symbols per message")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    arguments = parser.parse_args()
    rows = run(arguments.symbols)
    print(f"{processor()}, {platform.system()}, Python {platform.python_version()}, one core")
    print(f"{'coder':36}{'encode':>9}{'decode':>9}{'bytes':>10}{'excess':>10}")
    previous = ""
    for r in rows:
        if r.data != previous:
            print(f"-- {r.data}")
        previous = r.data
        print(f"{r.coder:36}{r.encode:9.1f}{r.decode:9.1f}{r.bytes:10}{r.excess:+9.3f}%")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(r) for r in rows], indent=1))


if __name__ == "__main__":
    main()
