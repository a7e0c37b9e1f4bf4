"""Plain-Python decoder of one band of levels, written from spec/levels.md: forms 2 and 3."""

from __future__ import annotations

import math

from coding.twin import RangeTwin

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


class Coder(RangeTwin):
    """Engine RANGE with probabilities from outside, and several bypass bins at once."""

    def decide(self, p: int) -> int:
        bound = self.range * p >> 16
        bit = int(self.code < bound)
        if bit:
            self.range = bound
        else:
            self.code, self.range = self.code - bound, self.range - bound
        self.renormalize()
        return bit

    def raw(self, n: int) -> int:
        if n > 16:
            high = self.raw(n - 16)
            return high << 16 | self.raw(16)
        self.range >>= n
        bits = self.code // self.range
        self.code -= bits * self.range
        self.renormalize()
        return bits


class Band:
    """Sections 2 and 3; the forms bring `bin(id)` and `sign(magnitude)`."""

    def __init__(self, data: bytes, rows: int, width: int, scale: int) -> None:
        self.coder = Coder(data, 0)
        self.rows, self.width = rows, width
        self.scale_mean = (4 + scale % 4) << scale // 4
        self.levels = [[0] * width for _ in range(rows)]
        self.y = self.x = 0

    def at(self, y: int, x: int) -> int:
        inside = 0 <= y < self.rows and 0 <= x < self.width
        return self.levels[y][x] if inside else 0

    def size(self, y: int, x: int) -> int:
        return min(abs(self.at(y, x)), 1 << 20)

    def decode(self, greater: int, order: int) -> list[list[int]]:
        m = self.scale_mean >> 8
        means, self.leans, total, self.r = [m] * self.width, [0] * self.width, m * self.width, m
        for y in range(self.rows):
            if y > 0:
                self.r = total // self.width
            self.all, self.t, self.y = log(self.r), 0, y
            for x in range(self.width):
                self.x, self.c = x, means[x]
                self.look()
                v = self.level(greater, order)
                self.levels[y][x] = v
                z, g = 256 * self.size(y, x), 65536 * (sign(v) - 1)
                change = (z - means[x]) >> min(6, (y | 1).bit_length())
                means[x] += change
                total += change
                self.leans[x] += (g - self.leans[x]) >> 3
                self.r += (z - self.r) >> min(5, (x + 4).bit_length() - 1)
                self.t += (g - self.t) >> 4
        return self.levels

    def logs(self) -> tuple[int, int, int, int]:
        y, x = self.y, self.x
        near = self.size(y, x - 1) + self.size(y - 1, x)
        far = [self.size(y, x - 2), self.size(y - 2, x)]
        far += [self.size(y - 1, x - 1), self.size(y - 1, x + 1)]
        local, column, row = log(32 * (2 * near + sum(far))), log(self.c), log(self.r)
        return local, column, row, max(32, column + row - self.all)

    def level(self, greater: int, order: int) -> int:
        if not self.bin(0):
            return 0
        magnitude = 1
        while magnitude <= greater and self.bin(magnitude):
            magnitude += 1
        if magnitude > greater:
            j = 0
            while self.bin(16 + min(j, 19)):
                magnitude += 1 << (order + j)
                j += 1
            magnitude += self.suffix(j, order + j)
        return -magnitude if self.sign(magnitude) else magnitude

    def suffix(self, j: int, bits: int) -> int:
        rest, first = 0, 36 + 3 * min(j, 7)
        for i in range(min(bits, 2)):
            rest = 2 * rest + self.bin(first + (0 if i == 0 else 1 + rest))
        if bits > 2:
            rest = rest << (bits - 2) | self.coder.raw(bits - 2)
        return rest

    def look(self) -> None:
        raise NotImplementedError

    def bin(self, i: int) -> int:
        raise NotImplementedError

    def sign(self, magnitude: int) -> int:
        raise NotImplementedError


class CabacBand(Band):
    """Section 5: one two-rate context a bin."""

    def start(self, priors: Priors, pace: int) -> None:
        self.pace = pace
        self.bins = [[[p, p, 2, 2, 6] for p in priors.start(class_mean(k))] for k in range(32)]
        self.signs = [[32768, 32768, 2, 2, 6] for _ in range(9)]

    def look(self) -> None:
        local, column, _, cross = self.logs()
        self.bank = self.bins[class_of((2 * local + cross + column) // 4)]
        left, above = self.at(self.y, self.x - 1), self.at(self.y - 1, self.x)
        self.by_sign = self.signs[3 * sign(left) + sign(above)]

    def bin(self, i: int) -> int:
        return self.code(self.bank[i])

    def sign(self, magnitude: int) -> int:
        return self.code(self.by_sign)

    def code(self, context: list[int]) -> int:
        fast, slow, a, b, _ = context
        bit = self.coder.decide((fast + slow) // 2)
        if bit:
            context[:2] = [fast + (65535 - fast >> a), slow + (65535 - slow >> b)]
        else:
            context[:2] = [fast - (fast >> a), slow - (slow >> b)]
        if not context[4] >> (7 + self.pace):
            context[4] += 1
            shift = context[4].bit_length() - 1
            context[2:4] = [min(shift, 4 + self.pace), min(shift, 7 + self.pace)]
        return bit


SQUASH = [
    clamp(math.floor(65536 / (1 + math.exp(-x / 256)) + 0.5), 24, 65512) for x in range(-2816, 2816)
]


def stretch(k: int) -> int:
    return next((x - 2816 for x, p in enumerate(SQUASH) if p >= 16 * k + 8), 2815)


STRETCH = [stretch(k) for k in range(4096)]


class MixBand(Band):
    """Section 6: six inputs and their weights."""

    def start(self, priors: Priors, pace: int) -> None:
        own, plain = [priors.start(class_mean(k)) for k in range(32)], priors.start(self.scale_mean)
        by_class = [[[[64 * p, 6] for p in bank] for bank in own] for _ in range(4)]
        pairs = [[[64 * p, 6] for p in plain] for _ in range(36)]
        self.inputs = [*by_class, pairs, [[[64 * p, 20] for p in plain]]]
        self.signs = [[[64 * 32768, 8] for _ in range(64)] for _ in range(6)]
        self.weights = [[13107] * 6 + [0] for _ in range(64)]
        self.sign_weights = [[26214] * 6 + [0] for _ in range(4)]

    def rel(self, y: int, x: int) -> int:
        if self.at(y, x) == 0:
            return 0
        return clamp((log(256 * self.size(y, x)) - self.all + 28) >> 3, 1, 5)

    def look(self) -> None:
        ids = [class_of(v) for v in self.logs()]
        ids += [6 * self.rel(self.y, self.x - 1) + self.rel(self.y - 1, self.x), 0]
        self.banks = [bank[i] for bank, i in zip(self.inputs, ids, strict=True)]

    def bin(self, i: int) -> int:
        return self.code([bank[i] for bank in self.banks], self.weights[i])

    def sign(self, magnitude: int) -> int:
        y, x = self.y, self.x
        left, above = sign(self.at(y, x - 1)), sign(self.at(y - 1, x))
        big = min(magnitude, 4) - 1
        lean = [clamp((v + 4096) >> 13, -3, 3) + 3 for v in (self.leans[x], self.t)]
        ids = [
            3 * left + above,
            9 * sign(self.at(y - 1, x - 1)) + 3 * above + sign(self.at(y - 1, x + 1)),
            9 * sign(self.at(y, x - 2)) + 3 * left + above,
            lean[0] + 7 * big,
            lean[1] + 7 * big,
            0,
        ]
        slots = [bank[i] for bank, i in zip(self.signs, ids, strict=True)]
        return self.code(slots, self.sign_weights[big])

    def code(self, slots: list[list[int]], w: list[int]) -> int:
        z = [STRETCH[q >> 10] for q, _ in slots]
        dot = sum((z[i] * (w[i] >> 4)) >> 4 for i in range(6))
        p = SQUASH[clamp(dot >> 8, -2816, 2815) + 2816]
        b = self.coder.decide(p)
        for slot in slots:
            q, n = slot
            q += (((b * (2**22 - 1) - q) >> 7) * (655360 // (10 * n + 16))) >> 9
            slot[:] = [q, min(n + 1, 1000)]
        h = 11 + (w[6] >= 200) + (w[6] >= 2000)
        w[6] = min(w[6] + 1, 2000)
        error = (65536 * b - p) >> 4
        for i in range(6):
            w[i] = clamp(w[i] + ((z[i] * error + (1 << (h - 1))) >> h), -(2**18), 2**18)
        return b
