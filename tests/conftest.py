"""Fixtures that every package's tests share, how tests are skipped, and which of them run side by side."""

import logging
import os
from collections.abc import Generator, Iterator
from fnmatch import fnmatch

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from medtap.services.broker import EmbeddedBroker
from medtap.services.postgres import EmbeddedPostgres


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slow` runs the long tests too."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests unless asked for; of several processes, none shall begin the longest file last."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=_place_in_line)
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="long run: give --slow"))


# Hypothesis's own limit of 0.2 s an example says nothing on a machine that does other things too.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize="CI" in os.environ
)
hypothesis.settings.load_profile("patient")

ONE_AFTER_THE_OTHER = (
    ("pcscd and its readers", "tests/edge/test_pcsc*.py"),
    ("pcscd and its readers", "tests/firmware_sim/test_pcscd.py"),
    ("pcscd and its readers", "tests/firmware_sim/test_vpcd.py"),
    ("TimescaleDB as WebAssembly", "tests/gateway/test_storage_*.py"),
)
"""Files that share a heavy stack, or one that this machine has once: all of a group run in the same process."""


def group_of(nodeid: str) -> str:
    """What a test shares its process with: its file, or the files of its group."""
    file = nodeid.partition("::")[0]
    return next((group for group, pattern in ONE_AFTER_THE_OTHER if fnmatch(file, pattern)), file)


class SideBySide(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist ships no types
    """Each file in one process, so that its fixtures are made once; a whole group in one."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SideBySide | None:
    """With `--dist loadfile`: as above."""
    return SideBySide(config, log) if config.getoption("dist") == "loadfile" else None


LONGEST_FIRST = ("tests/simulation/*", "tests/integration/*", "tests/browser/*", "tests/gateway/test_storage_*")


def _place_in_line(item: pytest.Item) -> int:
    return next((at for at, pattern in enumerate(LONGEST_FIRST) if fnmatch(item.nodeid, pattern)), len(LONGEST_FIRST))


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


OUR_LOGGERS = ("cards", "edge", "firmware_sim", "gateway", "inventory", "medtap")


def _levels() -> dict[str, int]:
    loggers = logging.root.manager.loggerDict.items()
    return {
        name: logger.level
        for name, logger in loggers
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in OUR_LOGGERS
    }


@pytest.fixture(autouse=True, scope="module")
def loggers_say_as_much_as_before() -> Iterator[None]:
    """A module that silences loggers (the simulation does) silences them for itself, whichever comes after it."""
    before = _levels()
    yield
    for name in _levels():
        logging.getLogger(name).setLevel(before.get(name, logging.NOTSET))


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
