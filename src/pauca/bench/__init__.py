"""Measurements against other codecs, and the demo."""
