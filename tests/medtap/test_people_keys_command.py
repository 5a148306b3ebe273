"""`medtap gateway people-keys`: keys are made once, changed without a loss, and missed loudly after a restore."""

import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from gateway.db.migrator import migrate
from gateway.people.audit_chain import seal_audit
from gateway.people.key_store import keys_for, stored_without
from gateway.people.keys import PeopleKeys, write_keys
from gateway.people.people import People
from gateway.people.person import NewPatient, Reader
from medtap.cli.gateway import app

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


@pytest.mark.integration
def test_keys_are_made_once_rotated_and_shown_and_a_restore_says_which_are_missing(
    postgres_dsn: str, tmp_path: Path
) -> None:
    run, file, config = CliRunner().invoke, tmp_path / "people-keys.json", tmp_path / "gateway.toml"
    config.write_text(f'dsn = "{postgres_dsn}"\n')
    made = run(app, ["people-keys", "create", str(file)])
    assert made.exit_code == 0
    assert "apart from the backups" in made.output
    assert run(app, ["people-keys", "create", str(file)]).exit_code == 2
    migrate(postgres_dsn)
    with psycopg.connect(postgres_dsn) as connection:
        assert stored_without(connection, file) == "No patients are stored: no people keys are needed."
        keys = keys_for(connection, file, NOW)
        assert keys is not None
        people = People(keys, lambda: NOW)
        people.register(connection, NewPatient("Lê An"), Reader("lan", "desk"))
        seal_audit(connection, keys, NOW)
    assert run(app, ["people-keys", "rotate", str(file)]).exit_code == 0
    shown = run(app, ["people-keys", "show", str(file), "--config", str(config), "--json"])
    told = json.loads(shown.output)
    assert (told["current"], told["keys"], told["waiting"]["patient"]) == (2, [1, 2], 1)
    assert (
        "still sealed with an older key: 1 of patient"
        in run(app, ["people-keys", "show", str(file), "--config", str(config)]).output
    )
    assert "are as they were written" in run(app, ["people-audit", "verify", str(config)]).output
    other = tmp_path / "other.json"
    write_keys(other, PeopleKeys.create())
    with psycopg.connect(postgres_dsn) as connection:
        assert "has their keys" in stored_without(connection, file)
        assert "another database's" in stored_without(connection, other)
        assert "can't be read without them" in stored_without(connection, tmp_path / "gone.json")
        assert "1 patients are stored sealed" in stored_without(connection, None)
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE people_audit SET username = 'nobody'")
    broken = run(app, ["people-audit", "verify", str(config)])
    assert broken.exit_code == 1
    assert "changed outside the program" in broken.output
