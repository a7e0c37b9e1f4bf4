"""Plain-Python decoder of one band of levels, written from spec/levels.md: forms 2 and 3."""

from __future__ import annotations

import math

from coding.levels_priors_twin import Priors, clamp, class_mean, class_of, log, sign
from coding.twin import RangeTwin


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
