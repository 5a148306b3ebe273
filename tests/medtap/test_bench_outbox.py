"""`medtap bench outbox` measures what it says and leaves nothing behind."""

import json
from pathlib import Path

from typer.testing import CliRunner

from medtap.cli.app import app


def test_the_outbox_bench_measures_every_group_and_cleans_up(tmp_path: Path) -> None:
    words = [
        "bench",
        "outbox",
        "--readings",
        "500",
        "--events",
        "10",
        "--start-mb",
        "3",
        "--dir",
        str(tmp_path),
        "--json",
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output)
    assert set(figures["groups"]) == {"10", "50", "500"}
    for group in figures["groups"].values():
        assert min(group.values()) > 0
        # A reading on the disk: its JSON, its seal and its place.
        assert 150 < group["file_bytes_per_row"] < 1000
    assert figures["events_per_s"] > 0
    start = figures["start"]
    assert start["file_mb"] >= 3
    assert min(start["first_event_s"], start["first_event_after_whole_check_s"], start["raw_read_s"]) > 0
    assert list(tmp_path.iterdir()) == []
