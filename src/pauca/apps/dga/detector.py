"""The shipped detector: raw names to scores between 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca._core import NgramNetwork as Kernel
from pauca.apps.dga.figures import sigmoid
from pauca.apps.dga.names import codes_of, scored_parts
from pauca.apps.dga.ngram import NO_MIX, NO_MIX_BIAS, TYPES, NgramNetwork
from pauca.errors import PackError
from pauca.nn.codec import decode_quantized
from pauca.nn.model import Quantized
from pauca.pack.registry import find_folder
from pauca.pack.store import PackInfo, read_file, read_manifest

DEFAULT = "dga-ngram"
DOMAIN = "dga"
WEIGHTS = "weights.pauca"


class Detector:
    """A detector in memory: `threshold` is the score from which on a name counts as generated."""

    def __init__(self, info: PackInfo, network: NgramNetwork, threshold: float) -> None:
        """Check the network and hand it to the kernel; `PackError` if it breaks a rule."""
        network.check()
        self.info, self.network, self.threshold = info, network, threshold
        tables = [
            (order, 0 if order < 3 else network.bits, np.ascontiguousarray(table))
            for order, table in zip(network.orders, network.tables, strict=True)
        ]
        self._kernel = Kernel(
            tables,
            network.bias,
            network.first,
            network.first_bias,
            network.second,
            network.second_bias,
            network.mix,
            network.mix_bias,
        )

    def score_parts(self, parts: Sequence[bytes]) -> NDArray[np.float64]:
        """Scores (n,) of scored parts (`names.scored_part`)."""
        logits = self._kernel.run(*codes_of(parts)) * self.network.scale
        return sigmoid(logits)

    def score(self, names: Sequence[str | bytes]) -> list[float | None]:
        """Scores of names as they come, None for what has no scored part."""
        raw = [n.encode("utf-8", "surrogateescape") if isinstance(n, str) else n for n in names]
        parts, where, _ = scored_parts(raw)
        found: list[float | None] = [None] * len(names)
        for i, score in zip(where, self.score_parts(parts).tolist(), strict=True):
            found[i] = score
        return found


@lru_cache(maxsize=2)
def load_detector(name: str | Path = DEFAULT) -> Detector:
    """Load a shipped detector by name, or one's own by the path of its folder; else `PackError`."""
    info, manifest = read_manifest(find_folder(name))
    if info.domain != DOMAIN:
        raise PackError(f"pack {info.name} is for {info.domain}, not for domain names")
    tensors = decode_quantized(read_file(info, manifest, WEIGHTS))
    try:
        orders = tuple(int(order) for order in manifest["orders"])
        bits, threshold = int(manifest["bits"]), float(manifest["threshold"])
        network = network_of(tensors, orders, bits)
    except (KeyError, TypeError, ValueError) as error:
        raise PackError(f"pack {info.name}: no n-gram network ({error})") from None
    return Detector(info, network, threshold)


def network_of(
    tensors: Mapping[str, Quantized], orders: tuple[int, ...], bits: int
) -> NgramNetwork:
    """The network whose levels are `tensors`; `PackError` where they do not fit its integers."""
    names = [f"tables.{i}" for i in range(len(orders))]
    types: dict[str, Any] = {name: np.int8 for name in names} | TYPES
    if "mix" in tensors:
        types |= {"mix": np.int8, "mix_bias": np.int32}
    arrays = {}
    for name, dtype in types.items():
        levels = tensors[name].levels
        limit = np.iinfo(dtype)
        if levels.min(initial=0) < limit.min or levels.max(initial=0) > limit.max:
            raise PackError(f"n-gram network: {name} is out of range")
        arrays[name] = np.ascontiguousarray(levels, dtype)
    step = tensors["tables.0"].step * tensors["first"].step * tensors["second"].step
    return NgramNetwork(
        orders,
        bits,
        tuple(arrays[name] for name in names),
        arrays["bias"],
        arrays["first"],
        arrays["first_bias"],
        arrays["second"],
        int(tensors["second_bias"].levels.item()),
        step,
        arrays.get("mix", NO_MIX),
        arrays.get("mix_bias", NO_MIX_BIAS),
    )
