"""`pytest tests/simulation --seed N` replays one seed with its trace."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Only known when this directory is named on the command line; otherwise there is `tests.simulation.replay`."""
    parser.addoption("--seed", type=int, default=None, help="replay this seed of the simulation, and show its trace")
