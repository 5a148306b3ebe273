"""The services that start by themselves."""

import tempfile
from pathlib import Path

import psycopg
import pytest

from medtap.services.broker import EmbeddedBroker, mqtt_answers
from medtap.services.ports import is_listening
from medtap.services.postgres import EmbeddedPostgres

pytestmark = pytest.mark.integration


def test_a_database_from_the_wheel_keeps_vietnamese_and_wants_a_password(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        row = connection.execute("SELECT upper('đường'), current_setting('timezone')").fetchone()
        assert row == ("ĐƯỜNG", "UTC")
    without = postgres_dsn.replace("medtap:", "medtap:wrong")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(without)


def test_a_killed_database_comes_back_with_what_was_committed(own_postgres: EmbeddedPostgres) -> None:
    dsn = own_postgres.create_database()
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    own_postgres.kill()
    own_postgres.restart()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT a FROM t").fetchone() == (1,)


def test_a_stopped_database_leaves_nothing_behind() -> None:
    before = set(Path(tempfile.gettempdir()).glob("medtap-pg-*"))
    server = EmbeddedPostgres(durable=False)
    server.start()
    port = server.port
    server.stop()
    server.stop()
    assert not is_listening(port)
    assert set(Path(tempfile.gettempdir()).glob("medtap-pg-*")) <= before


def test_a_killed_broker_can_be_started_again_on_its_port(own_broker: EmbeddedBroker) -> None:
    assert own_broker.answers(60.0)
    own_broker.kill()
    assert not mqtt_answers("127.0.0.1", own_broker.port, 1.0)
    own_broker.start()
    assert own_broker.answers(60.0)
    assert own_broker.running
