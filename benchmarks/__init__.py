"""Benchmarks: one file a question. `python -m benchmarks` runs the quick form of all."""
