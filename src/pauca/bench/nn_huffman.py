"""Huffman coding of integer arrays, plain and of sparse rows, as measures of what CABAC gains.

A canonical code (Schwartz and Kallick 1964) per array, its table in front. `encode_csr` is the
storage of Deep Compression (Han et al. 2016, section 3 and figure 2): runs of zeros, at most
2**bits - 1 long, before each nonzero value, both Huffman-coded; a longer run takes a filling zero.
"""

import heapq
import itertools
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.errors import FormatError

Levels = NDArray[np.int32]

RUN_BITS = (3, 4, 5, 6, 8)  # the paper uses 5 and 8; the best one is taken for each array
_CHUNK = 1 << 18  # symbols, or bits, that are worked on at once
# Fibonacci counts make the longest codes: 57 bits take more symbols than any memory holds.
_WINDOW = 57
_HEAD = struct.Struct("<IIII")  # symbols, distinct ones, bytes of table, bytes of codes
_RUN_HEAD = struct.Struct("<IBI")  # elements, bits of a run, bytes of the runs


@dataclass(frozen=True)
class _Code:
    """A canonical code: `symbols` sorted by (length, value), and their lengths in bits."""

    symbols: NDArray[np.int32]
    lengths: NDArray[np.int64]

    def words(self) -> NDArray[np.uint64]:
        """Return the code words, as numbers of `lengths` bits."""
        word, previous, words = 0, 0, []
        for length in self.lengths.tolist():
            word <<= length - previous
            words.append(word)
            word, previous = word + 1, length
        return np.array(words, np.uint64)


def encode_huffman(levels: Levels) -> bytes:
    """Return one array of any shape as table and codes; the order is row-major."""
    flat = levels.reshape(-1)
    symbols, inverse, counts = np.unique(flat, return_inverse=True, return_counts=True)
    lengths = _lengths(counts)
    order = np.lexsort((symbols, lengths))
    code = _Code(symbols[order].astype(np.int32), lengths[order])
    table = _pack_table(symbols.astype(np.int32), lengths)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    bits = _pack(code, rank[inverse.reshape(-1)]) if len(symbols) > 1 else b""
    return _HEAD.pack(flat.size, len(symbols), len(table), len(bits)) + table + bits


def decode_huffman(data: bytes) -> Levels:
    """Return the array (n,) that `encode_huffman` got; `FormatError` if the code does not end."""
    n, distinct, table_size, bits_size = _HEAD.unpack_from(data)
    start = _HEAD.size + table_size
    symbols, lengths = _unpack_table(data[_HEAD.size : start], distinct)
    if distinct <= 1:
        return np.full(n, symbols[0] if distinct else 0, np.int32)
    order = np.lexsort((symbols, lengths))
    return _unpack(_Code(symbols[order], lengths[order]), data[start : start + bits_size], n)


def encode_csr(levels: Levels) -> bytes:
    """Return one array as Huffman-coded runs of zeros and values, runs as long as pays best."""
    flat = levels.reshape(-1)
    positions = np.flatnonzero(flat)
    gaps = np.diff(positions, prepend=-1) - 1
    best = b""
    for bits in RUN_BITS:
        longest = (1 << bits) - 1
        fillers = gaps // (longest + 1)
        ends = np.cumsum(fillers + 1) - 1
        runs = np.full(int(ends[-1]) + 1 if len(ends) else 0, longest, np.int32)
        values = np.zeros(len(runs), np.int32)
        runs[ends], values[ends] = gaps % (longest + 1), flat[positions]
        coded = encode_huffman(runs)
        data = _RUN_HEAD.pack(flat.size, bits, len(coded)) + coded + encode_huffman(values)
        if not best or len(data) < len(best):
            best = data
    return best


def decode_csr(data: bytes) -> Levels:
    """Return the array (n,) that `encode_csr` got."""
    n, _, size = _RUN_HEAD.unpack_from(data)
    runs = decode_huffman(data[_RUN_HEAD.size : _RUN_HEAD.size + size])
    values = decode_huffman(data[_RUN_HEAD.size + size :])
    flat = np.zeros(n, np.int32)
    flat[np.cumsum(runs.astype(np.int64) + 1) - 1] = values
    return flat


def _lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the code length of each symbol, by Huffman's merging of the two rarest."""
    n = len(counts)
    heap = [(count, i) for i, count in enumerate(counts.tolist())]
    heapq.heapify(heap)
    parents = [0] * max(2 * n - 1, 0)
    for node in range(n, 2 * n - 1):
        first, i = heapq.heappop(heap)
        second, j = heapq.heappop(heap)
        parents[i] = parents[j] = node
        heapq.heappush(heap, (first + second, node))
    depth = [0] * max(2 * n - 1, 0)
    for node in range(2 * n - 3, -1, -1):
        depth[node] = depth[parents[node]] + 1
    return np.array(depth[:n], np.int64)


def _pack_table(symbols: NDArray[np.int32], lengths: NDArray[np.int64]) -> bytes:
    steps = np.diff(symbols.astype(np.int64), prepend=0).astype("<u4")
    # Byte planes: all high bytes are zero in most tables, and deflate away.
    planes = steps.view(np.uint8).reshape(-1, 4).T.tobytes() + lengths.astype(np.uint8).tobytes()
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(planes) + packer.flush()


def _unpack_table(data: bytes, distinct: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    planes = np.frombuffer(zlib.decompress(data, wbits=-15), np.uint8)
    steps = np.ascontiguousarray(planes[: 4 * distinct].reshape(4, distinct).T).view("<u4")
    symbols = np.cumsum(steps.reshape(-1).astype(np.int64)).astype(np.int32)
    return symbols, planes[4 * distinct :].astype(np.int64)


def _pack(code: _Code, ranks: NDArray[np.int64]) -> bytes:
    words, pieces = code.words(), []
    for start in range(0, len(ranks), _CHUNK):
        part = ranks[start : start + _CHUNK]
        lengths = code.lengths[part]
        shifts = np.arange(int(lengths.max()) - 1, -1, -1)
        bits = (words[part, None] >> shifts.astype(np.uint64)) & np.uint64(1)
        pieces.append(bits.astype(np.uint8)[shifts < lengths[:, None]])
    return np.packbits(np.concatenate(pieces)).tobytes()


def _unpack(code: _Code, data: bytes, n: int) -> Levels:
    """Find symbol and length at every bit, all at once; then follow the chain of lengths."""
    table = _Lookup(code)
    padded = np.frombuffer(data + bytes(16), np.uint8)
    out: list[NDArray[np.int32]] = []
    done, at, end = 0, 0, 8 * len(data)
    while done < n and at < end:
        first = at // 8
        last = min(first + _CHUNK // 8, len(data))
        symbols, lengths = table.at(padded[first : last + 8])
        chain: list[int] = []
        steps, position = lengths.tolist(), at - 8 * first
        stop = 8 * (last - first)
        while position < stop and done + len(chain) < n:
            chain.append(position)
            position += steps[position]
        out.append(symbols[chain])
        done, at = done + len(chain), 8 * first + position
    if done < n or at > end:
        raise FormatError("Huffman codes end too early")
    return np.concatenate(out) if out else np.zeros(0, np.int32)


class _Lookup:
    """Symbol and length of the code word at each bit of a piece of the stream."""

    def __init__(self, code: _Code) -> None:
        words = code.words().tolist()
        lengths = code.lengths.tolist()
        if lengths[-1] > _WINDOW or lengths[0] < 1:
            raise FormatError("Huffman code lengths out of range")
        groups = [
            list(group) for _, group in itertools.groupby(range(len(words)), lengths.__getitem__)
        ]
        self.symbols = code.symbols
        self.lengths = np.array([lengths[g[0]] for g in groups], np.uint64)
        self.words = np.array([words[g[0]] for g in groups], np.uint64)
        self.ranks = np.array([g[0] for g in groups], np.int64)
        # The largest 64-bit number that begins with a word of each length.
        self.tops = np.array(
            [((words[g[-1]] + 1) << (64 - lengths[g[0]])) - 1 for g in groups], np.uint64
        )

    def at(self, piece: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return symbol and length (8 k,) for each bit of the first k of k + 8 bytes."""
        k = len(piece) - 8
        word = np.zeros(k, np.uint64)
        for i in range(8):
            word |= piece[i : i + k].astype(np.uint64) << np.uint64(56 - 8 * i)
        windows = (word[:, None] << np.arange(8, dtype=np.uint64)).reshape(-1)
        group = np.minimum(np.searchsorted(self.tops, windows), len(self.tops) - 1)
        lengths = self.lengths[group]
        offset = (windows >> (np.uint64(64) - lengths)) - self.words[group]
        rank = np.clip(self.ranks[group] + offset.astype(np.int64), 0, len(self.symbols) - 1)
        return self.symbols[rank], lengths.astype(np.int64)
