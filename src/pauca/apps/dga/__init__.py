"""Detector of algorithmically generated domain names; `pauca-dga` is its command line."""
