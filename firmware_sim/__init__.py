"""Simulated silicon: the other end of each wire. Imports nothing of ours."""
