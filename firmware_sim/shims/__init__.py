"""Preloaded C libraries that put simulated silicon behind kernel devices this machine does not have."""
