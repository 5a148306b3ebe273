"""kill -9 of a real process that writes to an outbox: what it said to be saved is saved."""

import subprocess
import sys
from pathlib import Path

from edge.contracts.observations import OBSERVATION, CodeScanned
from edge.contracts.streams import Stream
from edge.outbox import Outbox
from edge.outbox_file import damaged_siblings
from tests.edge.delivery_kit import SetClock

ROOT = Path(__file__).parents[2]


def test_every_event_said_to_be_saved_is_there_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    scans: list[int] = []
    saved: list[tuple[int, int]] = []
    for kill_after in (1, 7, 40, 150, 400):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.edge.outbox_writer", str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        try:
            lines = [writer.stdout.readline() for _ in range(kill_after)]
        finally:
            writer.kill()
        lines += writer.stdout.read().splitlines()
        writer.wait()
        writer.stdout.close()
        # The last line may be cut by the kill; whole ones have two numbers.
        saved += [(int(words[0]), int(words[1])) for line in lines if len(words := line.split()) == 2][:-1]
    outbox = Outbox(path, SetClock(), node_name="pharmacy-1")
    after = 0
    while (frame := outbox.read_frame(Stream.EVENTS, after)) is not None:
        assert frame.first_seq == after + 1
        rows = [OBSERVATION.validate_json(body) for body in frame.bodies]
        scans += [int(row.text) for row in rows if isinstance(row, CodeScanned)]
        assert len(scans) == frame.last_seq
        after = frame.last_seq
    readings = outbox.marks(Stream.TELEMETRY)
    outbox.close()
    assert len(saved) > 500
    assert all(scans[seq - 1] == number for seq, number in saved)
    assert readings.last_seq == readings.row_count >= after - 5 * 7
    assert damaged_siblings(path) == []
