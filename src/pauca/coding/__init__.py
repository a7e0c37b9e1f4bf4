"""The entropy coders: numpy arrays in, bytes out, and back."""

from pauca.coding.curves import Curves, gaussian_curves
from pauca.coding.latents import LatentDecoder, encode_latents, entropy_bits
from pauca.coding.mixture import MixtureDecoder, Mixtures, encode_mixture, mixture_bits
from pauca.coding.tables import (
    PRECISION,
    Tables,
    gaussian_tables,
    tables_from_pmfs,
    validate,
)

__all__ = [
    "PRECISION",
    "Curves",
    "LatentDecoder",
    "MixtureDecoder",
    "Mixtures",
    "Tables",
    "encode_latents",
    "encode_mixture",
    "entropy_bits",
    "gaussian_curves",
    "gaussian_tables",
    "mixture_bits",
    "tables_from_pmfs",
    "validate",
]
