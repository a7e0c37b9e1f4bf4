"""Where the symbols of an autoencoder's walk come from: rounding (encoder) or entropy decoding.

Values y are residuals around a mean under tables (spec/rans.md), or integers under mixtures of
three Gaussians (spec/mixture.md), as the pack says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pauca.coding import LatentDecoder, MixtureDecoder, Mixtures, encode_latents, encode_mixture
from pauca.coding.mixture import PARTS
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import FormatError
from pauca.image import glue
from pauca.image.choose import CostTable, round_plain, round_thrifty
from pauca.image.vae import layout
from pauca.image.vae.layout import Places
from pauca.pack.vae import VaePack

Params = Sequence[NDArray[np.int16]]  # of a pass, (h, w, K) each: means, scales, weights


class Coder(Protocol):
    """Source of symbols."""

    def hyper(self, indexes: NDArray[np.uint8]) -> NDArray[np.int16]:
        """z_hat (h, w, Z) of these tables."""

    def values(self, places: Places, params: Params) -> NDArray[np.int32]:
        """Values (h, w, K) of a pass, in 1/16 steps."""


@dataclass
class Encoder:
    """Symbols by rounding y (h, w, M) in steps and z (h/4, w/4, Z), kept in order."""

    pack: VaePack
    y: NDArray[np.float32]
    z: NDArray[np.int16]
    costs: CostTable | None
    tables: list[tuple[NDArray[np.int16], NDArray[np.uint8]]] = field(default_factory=list)
    mixed: list[tuple[NDArray[np.int16], Mixtures]] = field(default_factory=list)

    def hyper(self, indexes: NDArray[np.uint8]) -> NDArray[np.int16]:
        """z as it is."""
        self.tables.append((self.z.ravel(), indexes.ravel()))
        return self.z

    def values(self, places: Places, params: Params) -> NDArray[np.int32]:
        """Round y, around means where tables code it."""
        y = layout.gather(self.y, places)
        if self.pack.curves is not None:
            symbols = round_plain(y.ravel())
            self.mixed.append((symbols, mixtures_of(params)))
            return in_sixteenths(symbols, y.shape)
        mean16, indexes = params[0], params[1].astype(np.uint8).ravel()
        residual = (y - mean16.astype(np.float32) / np.float32(16)).ravel()
        if self.costs is None:
            symbols = round_plain(residual)
        else:
            prices = layout.dealt(self.costs.weight, places)
            symbols = round_thrifty(residual, indexes, prices, self.costs)
        self.tables.append((symbols, indexes))
        return glue.merge_values(symbols, mean16)

    def payload(self) -> bytes:
        """The payload, once all is coded."""
        symbols, indexes = (np.concatenate(part) for part in zip(*self.tables, strict=True))
        sizes = [part.size for part, _ in self.tables]
        stream = encode_latents(symbols, indexes, self.pack.tables, sizes)
        if self.pack.curves is None:
            return stream
        return encode_varint(len(stream)) + stream + self._mixed_stream()

    def _mixed_stream(self) -> bytes:
        assert self.pack.curves is not None
        symbols, mixtures = zip(*self.mixed, strict=True)
        whole = Mixtures(
            np.concatenate([part.weights for part in mixtures]),
            np.concatenate([part.means for part in mixtures]),
            np.concatenate([part.scales for part in mixtures]),
        )
        sizes = [part.size for part in symbols]
        return encode_mixture(np.concatenate(symbols), whole, self.pack.curves, sizes)


class Decoder:
    """Symbols by entropy decoding."""

    def __init__(self, payload: bytes, pack: VaePack) -> None:
        self._mixed: MixtureDecoder | None = None
        if pack.curves is not None:
            cursor = Cursor(payload, "hyper-latents")
            hyper = bytes(cursor.take(cursor.varint()))
            self._mixed = MixtureDecoder(bytes(cursor.take(cursor.remaining)), pack.curves)
            payload = hyper
        self._tables = LatentDecoder(payload, pack.tables)

    def hyper(self, indexes: NDArray[np.uint8]) -> NDArray[np.int16]:
        """Decode z; FormatError where it is larger than encoders write."""
        z = self._tables.decode(indexes.ravel()).reshape(indexes.shape)
        if np.abs(z.astype(np.int32)).max() > layout.HYPER_REACH:
            raise FormatError(f"a hyper-latent is beyond {layout.HYPER_REACH}")
        return z

    def values(self, places: Places, params: Params) -> NDArray[np.int32]:
        """Decode a pass."""
        if self._mixed is not None:
            return in_sixteenths(self._mixed.decode(mixtures_of(params)), params[0].shape)
        symbols = self._tables.decode(params[1].astype(np.uint8).ravel())
        return glue.merge_values(symbols, params[0])

    def finish(self) -> None:
        """Raise `EntropyError` unless all was decoded."""
        self._tables.finish()
        if self._mixed is not None:
            self._mixed.finish()


def mixtures_of(params: Params) -> Mixtures:
    """Means, scales and weights (h, w, K), three of each, as those of h * w * K symbols."""
    means, scales, weights = (
        np.stack([part.ravel() for part in params[first : first + PARTS]], 1)
        for first in range(0, 3 * PARTS, PARTS)
    )
    return Mixtures(weights.astype(np.uint8), means, scales.astype(np.uint8))


def in_sixteenths(symbols: NDArray[np.int16], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Integers as values in 1/16 steps."""
    return 16 * symbols.astype(np.int32).reshape(shape)
