"""The services that start by themselves."""

import shutil
import tempfile
from collections.abc import Iterator
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


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for temporary files of this test alone; PostgreSQL's user must be able to pass through it."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    directory.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield directory
    shutil.rmtree(directory)


def test_a_stopped_database_leaves_nothing_behind(place: Path) -> None:
    server = EmbeddedPostgres(durable=False)
    server.start()
    assert len(list(place.iterdir())) == 1
    port = server.port
    server.stop()
    server.stop()
    assert not is_listening(port)
    assert list(place.iterdir()) == []


def test_a_killed_broker_can_be_started_again_on_its_port(own_broker: EmbeddedBroker) -> None:
    assert own_broker.answers(60.0)
    own_broker.kill()
    assert not mqtt_answers("127.0.0.1", own_broker.port, 1.0)
    own_broker.start()
    assert own_broker.answers(60.0)
    assert own_broker.running
