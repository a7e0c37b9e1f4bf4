"""The container: signature, checked chunks and typed headers (spec/container.md)."""
