"""Video: standard streams with small neural filters fitted to them."""
