"""Breaks a small fleet of real processes on purpose, from a seed, and counts what came through."""
