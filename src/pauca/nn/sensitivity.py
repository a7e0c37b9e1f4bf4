"""How much a network minds an error in a weight, as numbers that quantizers take.

The estimators that need the network itself are in `pauca.nn.train`; what is here turns their
results into importances (the F of weighted quantization), deviations and layer statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LayerStatistics:
    """What a linear or convolutional layer sees and what its outputs are worth.

    `moments`: second moments E[x x'] of the layer's inputs, a 1 appended for the bias where the
    layer has one: (groups, n, n), with n - 1 or n inputs per output. `cross`: E[x y'] of the inputs
    x in the original network and y in the network quantized so far, None if they are the same.
    `output`: mean square of the loss's gradient at each output, (rows,), the Kronecker-factored
    Fisher's other half (Martens and Grosse, arXiv:1503.05671), its diagonal.
    """

    moments: Floats
    output: Floats
    cross: Floats | None = None
    has_bias: bool = True

    def __post_init__(self) -> None:
        """Check the shapes; `InputError` if they do not fit each other."""
        shape = self.moments.shape
        if len(shape) != 3 or shape[1] != shape[2]:
            raise InputError(f"moments must be (groups, n, n), not {shape}")
        if self.cross is not None and self.cross.shape != shape:
            raise InputError(f"cross moments have shape {self.cross.shape}, not {shape}")
        if self.output.ndim != 1 or len(self.output) % max(1, shape[0]):
            raise InputError("outputs must be a multiple of the groups")
        for array in (self.moments, self.output):
            if not np.isfinite(array).all():
                raise InputError("layer statistics are not finite")

    def importance(self) -> Floats:
        """Return the diagonal of output x moments: (rows, n), the bias last where there is one."""
        diagonal = np.diagonal(self.moments, axis1=1, axis2=2)
        rows = len(self.output) // len(diagonal)
        return np.repeat(diagonal, rows, axis=0) * self.output[:, None]


def importance_from_deviations(deviations: Mapping[str, NDArray[np.floating]]) -> dict[str, Floats]:
    """Return 1 / deviation**2 of each weight, as DC-v1 weighs errors; deviations above 0."""
    out = {}
    for name, array in deviations.items():
        wide = np.asarray(array, np.float64)
        if not (np.isfinite(wide).all() and (wide > 0).all()):
            raise InputError(f"deviations of {name!r} must be finite and above 0")
        out[name] = 1.0 / wide**2
    return out


def deviations_from_fisher(
    fisher: Mapping[str, NDArray[np.floating]], samples: int, prior: float = 0.05
) -> dict[str, Floats]:
    """Return the deviations of the Laplace posterior, 1 / sqrt(samples F + 1 / prior**2).

    `fisher`: diagonal of the Fisher information per sample; `prior`: deviation of the weights
    before any data, above 0.
    """
    if samples < 1 or not prior > 0:
        raise InputError("samples must be at least 1 and prior above 0")
    out = {}
    for name, array in fisher.items():
        wide = np.asarray(array, np.float64)
        if not np.isfinite(wide).all() or (wide < 0).any():
            raise InputError(f"Fisher information of {name!r} must be finite and not negative")
        out[name] = 1.0 / np.sqrt(samples * wide + prior**-2)
    return out


def normalised(
    importance: Mapping[str, NDArray[np.floating]], floor: float = 1e-3, power: float = 0.5
) -> dict[str, Floats]:
    """Return importances to the `power`, scaled to mean 1 over the network, none below `floor`.

    The diagonal of the Fisher information holds for small errors that do not add up; the errors of
    coarse steps are neither, and its square root serves them better (measured on LeNet-300-100: at
    equal accuracy a tenth fewer bytes than equal importances, where the diagonal itself takes a
    fifth more). The floor keeps a weight that the samples never used from moving without bound.
    """
    if not (floor > 0 and power >= 0):
        raise InputError("floor must be above 0 and power not negative")
    raised = {name: np.asarray(array, np.float64) ** power for name, array in importance.items()}
    count = sum(array.size for array in raised.values())
    total = sum(float(array.sum()) for array in raised.values())
    mean = total / count if count and total > 0 else 1.0
    return {name: np.maximum(array / mean, floor) for name, array in raised.items()}
