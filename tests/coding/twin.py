"""Plain-Python rANS decoder written from spec/rans.md alone, sharing no code with the core."""

from __future__ import annotations

from collections.abc import Sequence

LOW = 1 << 20


class Twin:
    def __init__(self, data: bytes, cdf: list[list[int]], offset: list[int]) -> None:
        self.data, self.at, self.cdf, self.offset = data, 0, cdf, offset
        first = self.word()
        self.lanes = 1 << (first >> 28)
        self.x = [first & 0xFFFFFFF] + [self.word() for _ in range(self.lanes - 1)]

    def word(self) -> int:
        self.at += 4
        return int.from_bytes(self.data[self.at - 4 : self.at], "little")

    def refill(self, x: int) -> int:
        n = 0 if x >= LOW else 1 if x >= LOW >> 8 else 2
        self.at += n
        return x << 8 * n | int.from_bytes(self.data[self.at - n : self.at], "little")

    def bits(self, lane: int, n: int) -> int:
        value = self.x[lane] % (1 << n)
        self.x[lane] = self.refill(self.x[lane] >> n)
        return value

    def symbol(self, lane: int, table: int) -> int:
        x, row = self.x[lane], self.cdf[table]
        slot = x % 65536
        k = max(i for i, start in enumerate(row) if start <= slot and start < 65536)
        self.x[lane] = self.refill((row[k + 1] - row[k]) * (x // 65536) + slot - row[k])
        if row[k + 1] < 65536:
            return self.offset[table] + k
        below = self.bits(lane, 1)
        n = 0
        while not self.bits(lane, 1):
            n += 1
        excess = (1 << n) + (self.bits(lane, n) if n else 0) - 1
        return self.offset[table] - 1 - excess if below else self.offset[table] + k + excess

    def decode(self, indexes: Sequence[int]) -> list[int]:
        return [self.symbol(i % self.lanes, table) for i, table in enumerate(indexes)]

    def whole(self) -> bool:
        return self.x == [LOW] * self.lanes and self.at == len(self.data)


class RangeTwin:
    """Plain-Python decoder of engine RANGE, from spec/cabac.md."""

    def __init__(self, data: bytes, n_contexts: int) -> None:
        self.data, self.at, self.code, self.range = data, 0, 0, 2**32 - 1
        self.contexts = [[32768, 32768] for _ in range(n_contexts)]
        for _ in range(4):
            self.code = self.code * 256 + self.byte()

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def renormalize(self) -> None:
        while self.range < 1 << 24:
            self.range, self.code = self.range * 256, self.code * 256 + self.byte()

    def bypass(self) -> int:
        self.range >>= 1
        bit = self.code // self.range
        self.code -= bit * self.range
        self.renormalize()
        return bit

    def bin(self, context: int) -> int:
        fast, slow = self.contexts[context]
        bound = self.range * ((fast + slow) // 2) >> 16
        if self.code < bound:
            self.range = bound
            self.contexts[context] = [fast + (65535 - fast >> 4), slow + (65535 - slow >> 7)]
            bit = 1
        else:
            self.code, self.range = self.code - bound, self.range - bound
            self.contexts[context] = [fast - (fast >> 4), slow - (slow >> 7)]
            bit = 0
        self.renormalize()
        return bit

    def whole(self) -> bool:
        part = self.range >> 8
        self.code, self.range = self.code - (self.range - part), part
        self.renormalize()
        return 0 <= self.code < 65536 and self.at == len(self.data) + 2
