"""`medtap bench count`: the figures it says are of the count it made."""

import json

import pytest
from typer.testing import CliRunner

from medtap.cli.bench import app
from medtap.services.postgres import EmbeddedPostgres

pytestmark = pytest.mark.integration


def test_a_small_store_is_counted_and_every_tag_is_accounted_for(postgres_server: EmbeddedPostgres) -> None:
    options = ["--tags", "500", "--runs", "2", "--dsn", postgres_server.create_database(), "--json"]
    told = CliRunner().invoke(app, ["count", *options])
    assert told.exit_code == 0, told.output
    figures = json.loads(told.stdout)
    assert (figures["tags"], figures["passes"], figures["runs"]) == (500, 3, 2)
    numbers = figures["numbers"]
    assert numbers["seen"] + numbers["not_seen"] == 500
    assert numbers["not_seen"] >= 1, "one pack is not there"
    assert (numbers["unknown"], numbers["foreign"], numbers["seen_elsewhere"]) == (25, 25, 0)
    assert 0 < figures["seconds"] <= figures["seconds_worst"]
    assert min(figures[name] for name in ("last_pass_s", "reconcile_s", "reader_pass_s", "pure_s", "raw_select_s")) > 0
