"""Fixtures that every package's tests share: a real PostgreSQL, a real MQTT broker."""

import os
from collections.abc import Generator, Iterator

import pytest

from medtap.services.broker import EmbeddedBroker
from medtap.services.postgres import EmbeddedPostgres


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slow` runs the long tests too."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests unless asked for."""
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="long run: give --slow"))


HARDWARE_STACK_MARKERS = ("pcsc_stack", "hid_stack", "browser", "mosquitto_stack", "timescale_stack")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a hardware-stack or browser test that was skipped has failed: it shows nothing."""
    report = yield
    needed = [name for name in HARDWARE_STACK_MARKERS if item.get_closest_marker(name)]
    if report.skipped and needed and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} ({', '.join(needed)}) was skipped in CI, where it must run: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL server for the whole run."""
    server = EmbeddedPostgres(durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def postgres_dsn(postgres_server: EmbeddedPostgres) -> str:
    """A fresh, empty database: nothing migrated yet."""
    return postgres_server.create_database()


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A server that the test may kill."""
    server = EmbeddedPostgres(durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """One MQTT 5 broker for the whole run: use client ids and sites of your own."""
    server = EmbeddedBroker()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_broker() -> Iterator[EmbeddedBroker]:
    """A broker that the test may kill."""
    server = EmbeddedBroker()
    server.start()
    yield server
    server.stop()
