"""What the adaptive forms of levels begin with, and their integer functions (spec/levels.md)."""

from __future__ import annotations

import math

SHAPES = (0.4, 0.6, 0.8, 1.0, 1.4, 2.0, 3.2, 8.0)
LOG2 = [math.floor(math.log2(1 + i / 256) * 32768 + 0.5) for i in range(257)]


def survival_table(b: float) -> list[int]:
    from scipy.special import gammaincc

    ratio = math.gamma(2 / b) / math.gamma(1 / b)
    masses = [float(gammaincc(1 / b, (i / 4 * ratio) ** b)) for i in range(65)]
    return [round(min(31.0, -math.log2(max(m, 1e-300))) * 2048) for m in masses]


def power(bits: int) -> int:
    """2^-bits, bits in 1/2048, result in 1/65536 (section 8)."""
    if bits // 2048 > 15:
        return 1
    log = 32768 - 128 * (bits % 2048 // 8)
    k = next(i for i, v in enumerate(LOG2) if v >= log)
    e = 16384
    if k > 0:
        e += 64 * (k - 1) + (log - LOG2[k - 1]) * 64 // (LOG2[k] - LOG2[k - 1])
    return 2 * e >> bits // 2048


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(high, x))


def log(m: int) -> int:
    n = m + 16
    e = n.bit_length() - 1
    return 8 * e + (n >> (e - 3) & 7)


def class_of(value: int) -> int:
    return min(31, (value - 32) // 4)


def class_mean(k: int) -> int:
    q = (7 if k % 2 else 5) * (4 << k // 2)
    return 256 * (q - min(q - 2, 16))


def sign(level: int) -> int:
    return (level > 0) - (level < 0) + 1


class Priors:
    """Section 4."""

    def __init__(self, greater: int, order: int, prior: int) -> None:
        self.greater, self.order = greater, order
        self.table = survival_table(SHAPES[prior])

    def bits(self, u: int) -> int:
        i = min(u // 16384, 63)
        rest = min(u - i * 16384, 4096 * 16384)
        return self.table[i] + (self.table[i + 1] - self.table[i]) * rest // 16384

    def mean(self, m: int) -> int:
        if m >= 65536:
            return m
        low, high = 1 << 10, 1 << 17
        while high - low > high // 64:
            middle = (low + high) // 2
            total = sum(power(self.bits((2 * i + 1) * 2**31 // middle)) for i in range(24))
            low, high = (middle, high) if total < m else (low, middle)
        return low

    def start(self, m: int) -> list[int]:
        mean = self.mean(max(m, 1024))

        def p(a: int, b: int) -> int:
            gap = self.bits(b * 2**31 // mean) - self.bits(a * 2**31 // mean)
            return clamp(power(gap), 200, 65336)

        def upper(f: int, n: int) -> int:
            half, whole = p(f, f + n // 2), p(f, f + n)
            return clamp(max(1, half - whole) * 65536 // (65536 - whole), 4096, 40000)

        out = [32768] * 64
        out[0] = p(0, 1)
        for i in range(1, self.greater + 1):
            out[i] = p(2 * i - 1, 2 * i + 1)
        low = 2 * self.greater + 1
        for j in range(20):
            width = 2 ** (1 + min(self.order + j, 30))
            out[16 + j] = p(low, low + width)
            if j < 8:
                out[36 + 3 * j] = upper(low, width)
                out[37 + 3 * j] = upper(low, width // 2)
                out[38 + 3 * j] = upper(low + width // 2, width // 2)
            low += width
        return out
