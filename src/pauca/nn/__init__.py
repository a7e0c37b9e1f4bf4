"""Neural networks as data: files, quantizers and the coded stream (spec/weights.md)."""
