"""The one command, and what composes the packages: demo, benchmarks, doctor."""
