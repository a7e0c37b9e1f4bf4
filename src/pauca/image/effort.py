"""What an encoder's effort does to the coefficients before they are coded."""

from __future__ import annotations

from pauca.errors import MissingExtraError
from pauca.image.analysis import Analysis
from pauca.image.networks import Networks
from pauca.image.symbols import Bands

PLAIN = 3  # the last effort that codes a picture once
REFINED_FROM = 7  # from here on gradients move them


def bands_of(analysis: Analysis, networks: Networks, code: int, effort: int) -> Bands:
    """Details to code at quality code 0..400, as analysed or refined.

    Raises `MissingExtraError` where they need torch and there is none.
    """
    if effort < REFINED_FROM:
        return analysis.bands
    try:
        from pauca.image.refine_torch import refined
    except ModuleNotFoundError as error:
        raise MissingExtraError("effort 7 to 9 needs torch: pip install pauca[train]") from error
    return refined(analysis, networks, code, effort).bands
