"""Torch layers shared by the learned models (extra `train`)."""
