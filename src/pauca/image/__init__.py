"""The learned picture codec: model, training, export, and the codec itself."""
