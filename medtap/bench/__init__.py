"""Benchmarks: speed and memory, measured here and now beside the raw limit of the same machine."""
