"""`medtap edge outbox`: asked of the agent while it runs, looked at in a copy when none does."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge.agent import Agent
from edge.config import load
from edge.contracts.streams import Stream
from edge.outbox import Outbox
from medtap.cli.edge import app
from tests.edge.broker_kit import eventually
from tests.edge.delivery_kit import SetClock, reading, scan


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    file = tmp_path / "edge.toml"
    file.write_text(
        f"""
[node]
site = "nhi-dong-1"
edge_node = "pharmacy-1"
state_dir = "{tmp_path / "state"}"
[broker]
host = "127.0.0.1"
port = 1
[outbox]
size_max_mb = 5
"""
    )
    (tmp_path / "state").mkdir()
    return file


def ask(config_file: Path) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["outbox", str(config_file), "--json"])
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.output)
    return answer


def test_an_outbox_without_an_agent_is_looked_at_and_not_touched(config_file: Path) -> None:
    clock = SetClock()
    path = config_file.parent / "state" / "outbox.sqlite3"
    box = Outbox(path, clock, node_name="pharmacy-1", telemetry_group_rows=10, size_max_mb=0.1)
    for number in range(2000):
        box.append_telemetry(reading(number % 1000, clock))
    box.append_event(scan(1, clock))
    box.offer(Stream.TELEMETRY)
    box.acknowledge(Stream.TELEMETRY, box.epoch(Stream.TELEMETRY), 1900)
    box.close()
    before = path.read_bytes()
    answer = ask(config_file)
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} == {"outbox.sqlite3", "outbox.sqlite3.numbers"}
    assert answer["agent_running"] is False
    telemetry, events = answer["streams"]["telemetry"], answer["streams"]["events"]
    assert (telemetry["last_seq"], telemetry["acknowledged_seq"], telemetry["waiting"]) == (2000, 1900, 100)
    assert telemetry["waiting_since"].startswith("2026-11-22T08:00:01")
    assert events["waiting"] == events["last_seq"] == 2
    (gap,) = answer["gaps"]
    assert (gap["stream"], gap["first_seq"]) == ("telemetry", 1)
    assert gap["reason"] == "the outbox was full: the oldest readings were dropped"
    result = CliRunner().invoke(app, ["outbox", str(config_file)])
    assert "telemetry: 100 rows wait for the gateway" in result.output


def test_a_running_agent_is_asked(config_file: Path) -> None:
    stop = threading.Event()
    agent = threading.Thread(target=Agent(load(config_file)).run, args=(stop,))
    agent.start()
    try:
        eventually((config_file.parent / "state" / "status.json").exists)
        eventually(lambda: ask(config_file)["agent_running"] is True)
        answer = json.loads((config_file.parent / "state" / "status.json").read_text())["outbox"]
    finally:
        stop.set()
        agent.join()
    assert answer["size_max_bytes"] == 5_000_000
    assert answer["streams"]["events"]["waiting"] == 0


def test_the_check_of_a_large_outbox_and_answers_that_were_not_used_are_shown(config_file: Path) -> None:
    state_dir, clock = config_file.parent / "state", SetClock()
    box = Outbox(state_dir / "outbox.sqlite3", clock, node_name="pharmacy-1")
    box.append_event(scan(1, clock))
    box.close()
    box = Outbox(state_dir / "outbox.sqlite3", clock, node_name="pharmacy-1", check_at_once_bytes=0)
    said = {
        "site": "nhi-dong-1",
        "edge_node": "pharmacy-1",
        "running": True,
        "connected": True,
        # Of a clock that runs ahead: it is not older than a test on a busy machine takes.
        "written_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        "streams": {},
        "devices": {},
        "acks_ignored": {"stale": 2, "checksum": 1},
        "outbox": box.view().model_dump(mode="json"),
    }
    box.close()
    (state_dir / "status.json").write_text(json.dumps(said))
    shown = CliRunner().invoke(app, ["outbox", str(config_file)]).output
    assert "check of what is kept: 0.0 %, 0 rows are not as they were written" in shown
    shown = CliRunner().invoke(app, ["status", str(config_file)]).output
    assert "answers of the gateway that were not used: checksum 1, stale 2" in shown


def test_no_outbox_yet_names_the_mend(config_file: Path) -> None:
    result = CliRunner().invoke(app, ["outbox", str(config_file)])
    assert result.exit_code == 1
    assert "the agent has not run yet; start it with: medtap edge run" in result.output


def test_a_damaged_outbox_names_the_mend(config_file: Path) -> None:
    (config_file.parent / "state" / "outbox.sqlite3").write_bytes(b"SQLite format 3\0" + b"\xa5" * 8192)
    result = CliRunner().invoke(app, ["outbox", str(config_file)])
    assert result.exit_code == 1
    assert "is damaged" in result.output
    assert "start the agent, which rescues what is whole" in result.output


def test_an_agent_that_can_not_start_says_why_and_ends_with_two(config_file: Path) -> None:
    (config_file.parent / "state").rmdir()
    (config_file.parent / "state").write_text("I am a file")
    result = CliRunner().invoke(app, ["run", str(config_file)])
    assert result.exit_code == 2
    assert "File exists: give a directory" in result.output
