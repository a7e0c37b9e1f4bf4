"""Containers of video: what upscaling and video coding need of them (extra: video)."""
