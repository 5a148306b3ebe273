"""A gateway: its configuration, its database, its broker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg

from gateway.config import GatewayConfig, load
from gateway.db.migrator import migrate
from gateway.errors import GatewayError
from medtap.doctor.edge_node import reachable
from medtap.doctor.finding import Finding, broken, ok, optional

_SERVER_VERSION_MIN: Final = 150000
"""PostgreSQL 15 (design, storage)."""


def examine_gateway(config_file: Path) -> Iterator[Finding]:
    """Look at the configuration and at everything it names; changes nothing."""
    try:
        config = load(config_file)
    except GatewayError as error:
        mend = "correct the file; gateway/sample.toml explains each key"
        yield broken(f"gateway configuration {config_file}", str(error), mend)
        return
    yield ok(f"gateway configuration {config_file}", "right")
    yield reachable("MQTT broker", config.mqtt.host, config.mqtt.port, "start the broker, or correct [mqtt]")
    yield from _database(config)
    for file in config.trust_anchor_files:
        if file.is_file():
            yield ok("card issuer", str(file))
        else:
            yield broken("card issuer", f"there is no {file}", "put the card CA's certificate (PEM) there")
    if not config.trust_anchor_files:
        yield optional(
            "card issuer", "no trust_anchor_files", "needed to accept health cards: name the card CA's PEM file"
        )


def _database(config: GatewayConfig) -> Iterator[Finding]:
    try:
        connection = psycopg.connect(config.dsn, connect_timeout=5)
    except psycopg.OperationalError as error:
        yield broken("database", str(error).strip(), "start PostgreSQL, or correct 'dsn'")
        return
    with connection:
        yield _server_version(connection.info.server_version)
        for name, wanted in (("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")):
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            found = row[0] if row else "unknown"
            if found == wanted:
                yield ok(f"database setting {name}", found)
            else:
                mend = (
                    f"ALTER SYSTEM SET {name} = {wanted}: without it a power cut loses rows that edge nodes let go of"
                )
                yield broken(f"database setting {name}", found, mend)
        row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        yield (
            ok("TimescaleDB", str(row[0]))
            if row
            else optional(
                "TimescaleDB", "not in this database", "wanted for years of readings; medtap works without it"
            )
        )
    yield _schema(config)


def _server_version(number: int) -> Finding:
    found = f"PostgreSQL {number // 10000}.{number % 10000}"
    if number < _SERVER_VERSION_MIN:
        return broken("database", found, "upgrade to PostgreSQL 15 or newer")
    return ok("database", found)


def _schema(config: GatewayConfig) -> Finding:
    try:
        report = migrate(config.dsn, dry_run=True, time_zone=config.time_zone)
    except GatewayError as error:
        return broken("schema", str(error), "see the message")
    pending = [str(name) for name in report.applied]
    if pending:
        mend = "the gateway applies them when it starts; or: medtap gateway migrate CONFIG"
        return optional("schema", f"{len(pending)} migrations to apply", mend)
    return ok("schema", "up to date")
