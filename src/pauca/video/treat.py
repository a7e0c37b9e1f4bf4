"""Filters in the encoder: samples of a scene, and whether and how its frames are restored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.streams.pictures import Planes, planes_of
from pauca.video.coders import CodedPacket
from pauca.video.message import Mode, Scene, encode_message
from pauca.video.restore import Filter, Fit, Sample, price, squared_error

Plane = NDArray[np.uint8]
SAMPLES = 32  # originals that are kept of a scene
SAMPLE_BYTES = 192 << 20  # and their bytes
JUDGES = 4  # frames by which the shipped filter is judged


class Samples:
    """Keeps some of the frames of a scene, evenly spread, whatever its length."""

    def __init__(self, limit: int) -> None:
        self._limit, self._stride, self._seen = max(2, limit), 1, 0
        self.kept: list[tuple[int, Planes]] = []  # (place in the scene, planes)

    def offer(self, frame: Any) -> None:
        """Look at the next frame in order of display."""
        if self._seen % self._stride == 0:
            if len(self.kept) == self._limit:
                self._stride *= 2
                self.kept = [item for item in self.kept if item[0] % self._stride == 0]
            if self._seen % self._stride == 0:
                self.kept.append((self._seen, planes_of(frame)))
        self._seen += 1


def sample_limit(width: int, height: int) -> int:
    """Return how many samples of this size memory has room for."""
    return min(SAMPLES, SAMPLE_BYTES // (width * height * 3 // 2))


@dataclass(frozen=True)
class Treatment:
    """How scenes are to be restored: by a filter as it is, or fitted by `fit` within `seconds`."""

    codec: str
    scale: int
    crop: tuple[int, int]
    filter: Filter | None = None
    fit: Fit | None = None
    seconds: float = 0.0
    threads: int = 1

    @property
    def looks(self) -> bool:
        """Whether decoded frames are needed to decide."""
        return self.filter is not None

    def scene(
        self,
        originals: Sequence[tuple[int, Planes]],
        decoded: Iterator[Any],
        packets: Sequence[CodedPacket],
        qp: int,
    ) -> Scene:
        """Return the scene of `packets` with the mode that costs least.

        `originals` are samples by their place, `decoded` all frames in order of display.
        """
        off = Scene(Mode.OFF, len(packets), self.scale, self.crop)
        if self.filter is None:
            return off
        samples: list[Sample] = [
            (original, coded, qp) for original, coded in _paired(originals, decoded)
        ]
        if not samples:
            return off
        generic = replace(off, mode=Mode.GENERIC, pack=self.filter.pack_id, qp=qp)
        bits = 8 * sum(len(packet.data) for packet in packets)
        if self.fit is None:
            return generic if self._pays(samples, bits, generic, off) else off
        # The samples stand for all frames: their error against the bits of all is what a bit of
        # the update has to save on them.
        error = sum(_compared(original, coded, self.scale) for original, coded, _ in samples)
        update = self.fit(self.filter, samples, price(error, bits), self.seconds, self.codec)
        if update:
            return replace(generic, mode=Mode.UPDATED, update=update)
        # At half size a learned interpolation is never worse than a plain one.
        return off if update is None and self.scale == 1 else generic

    def _pays(self, samples: Sequence[Sample], bits: int, generic: Scene, off: Scene) -> bool:
        """Whether the filter as it is gains more than its message costs."""
        if self.filter is None or self.scale == 2:
            return self.filter is not None
        step = max(1, len(samples) // JUDGES)
        judges = samples[step // 2 :: step][:JUDGES]
        before = after = 0
        for original, coded, qp in judges:
            before += squared_error(original, coded)
            y, u, v = coded
            restored = self.filter.apply(y, u, v, qp, threads=self.threads, codec=self.codec)
            after += squared_error(original, restored)
        more = 8 * (len(encode_message(generic)) - len(encode_message(off)))
        return after + price(before, bits) * more < before


def _paired(
    originals: Sequence[tuple[int, Planes]], decoded: Iterator[Any]
) -> Iterator[tuple[Planes, Planes]]:
    wanted = dict(originals)
    for place, frame in enumerate(decoded):
        if place in wanted:
            yield wanted[place], planes_of(frame)


def _compared(original: Sequence[Plane], coded: Sequence[Plane], scale: int) -> int:
    """Squared error of a coded frame; at half size against means of 2 x 2, on the full area."""
    if scale == 1:
        return squared_error(original, coded)
    means = []
    for plane in original:
        h, w = plane.shape
        total = plane.reshape(h // 2, 2, w // 2, 2).sum((1, 3), dtype=np.uint16)
        means.append((total + 2 >> 2).astype(np.uint8))
    return 4 * squared_error(means, coded)
