"""An autoencoder small enough to train in a test."""

from pauca.image.vae.model import VaeConfig

SMALL = VaeConfig(
    latents=64, hyper=8, hyper_channels=16, channels=32, trunk=1, wide=(32, 16),
    wide_blocks=(1, 1), features=8, post_channels=32, post_blocks=1, pre_channels=16, pre_blocks=1,
)  # fmt: skip
