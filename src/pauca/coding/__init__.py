"""The entropy coders: numpy arrays in, bytes out, and back."""

from pauca.coding.latents import LatentDecoder, encode_latents, entropy_bits
from pauca.coding.tables import (
    PRECISION,
    Tables,
    gaussian_tables,
    tables_from_pmfs,
    validate,
)

__all__ = [
    "PRECISION",
    "LatentDecoder",
    "Tables",
    "encode_latents",
    "entropy_bits",
    "gaussian_tables",
    "tables_from_pmfs",
    "validate",
]
