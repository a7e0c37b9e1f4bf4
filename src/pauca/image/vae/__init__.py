"""Pictures by an autoencoder with a hyperprior (spec/vae.md)."""
