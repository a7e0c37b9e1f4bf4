"""Small integer networks that mend decoded video, and their fitting to a scene (spec/filter.md)."""

from pauca.video.filters.filter import Filter, load_filter
from pauca.video.filters.fit import fit
from pauca.video.filters.update import MAX_BYTES
from pauca.video.restore import price

__all__ = ["MAX_BYTES", "Filter", "fit", "load_filter", "price"]
