"""A chaos run finds bugs that are planted in its agents and its gateway: a check that can't fail is worth nothing.

Each bug is a `sitecustomize` that every Python process of the run imports before anything else.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

OVERFLOWING = ("--seconds", "25", "--faults", "kill_gateway,overflow_broker_queue")
ACCEPT_GAPS = """
import gateway.ingest.marks as marks
judged = marks.judge_span
marks.judge_span = lambda first, last, mark: judged(min(first, mark + 1), last, mark)
"""
ACCEPT_TWICE = """
import gateway.ingest.marks as marks
marks.judge_span = lambda first, last, mark: marks.Verdict.GAP if first > mark + 1 else marks.Verdict.ACCEPT
marks.cut = lambda frame, mark: frame.rows
"""
DELETE_ON_PUBACK = """
from edge.delivery import Delivery
from edge.mqtt_link import MqttLink
made, sent = {}, {}
next_frame, publish, on_publish = Delivery._next_frame, MqttLink.publish, MqttLink._on_publish

def remember(self, stream):
    frame = next_frame(self, stream)
    if frame is not None:
        lane = self._lanes[stream]
        made[frame.payload] = self._store, stream, lane.epoch, lane.window.in_flight[-1].last_seq
    return frame

def number(self, message):
    before = set(self._unconfirmed)
    publish(self, message)
    for mid in self._unconfirmed - before:
        sent[mid] = made.pop(message.payload, None)

def let_go(self, client, data, mid, reason, properties):
    on_publish(self, client, data, mid, reason, properties)
    if (row := sent.pop(mid, None)) is not None:
        store, stream, epoch, last_seq = row
        store.acknowledge(stream, epoch, last_seq)
        store._store.delete_through(stream, last_seq)

Delivery._next_frame, MqttLink.publish, MqttLink._on_publish = remember, number, let_go
"""
FORGET_THE_EPOCH = """
import gateway.ingest.marks as marks
from dataclasses import replace
from edge.delivery import Delivery
lock = marks.lock_marks

def go_on_with_the_newest(connection, streams):
    found = lock(connection, streams)
    for stream in [stream for stream, mark in found.items() if mark.is_new]:
        newest = connection.execute(
            "UPDATE ingest_mark SET mark = (SELECT max(mark) FROM ingest_mark WHERE (site, edge_node, stream)"
            " = (%s, %s, %s)) WHERE epoch_key = %s RETURNING mark", (*stream[:3], found[stream].epoch_key)
        ).fetchone()[0]
        found[stream] = replace(found[stream], mark=newest)
    return found

def go_on(self, ack, stood):
    self._open(ack.model_copy(update={"mark": stood.offered_seq}), self._lanes[ack.stream], stood)

marks.lock_marks, Delivery._begin_epoch = go_on_with_the_newest, go_on
"""
"""Neither side asks whose numbers these are: a new outbox file goes on where the one before it ended."""


def _run(directory: Path, bug: str, *options: str) -> tuple[int, dict[str, int]]:
    (directory / "sitecustomize.py").write_text(bug)
    done = subprocess.run(
        [sys.executable, "-m", "medtap", "chaos", "run", "--json", "--seed", "7", "--nodes", "1", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
        env={**os.environ, "PYTHONPATH": str(directory)},
    )
    assert done.returncode in (0, 1), done.stderr
    figures: dict[str, int] = json.loads(done.stdout)
    return done.returncode, figures


@pytest.mark.parametrize("bug", [ACCEPT_GAPS, DELETE_ON_PUBACK], ids=["accept_gaps", "delete_on_puback"])
def test_rows_that_a_bug_loses_are_missed(tmp_path: Path, bug: str) -> None:
    code, figures = _run(tmp_path, bug, *OVERFLOWING)
    assert code == 1
    assert figures["undeclared_lost"] > 0


def test_rows_of_a_new_outbox_that_pass_for_those_of_the_old_one_are_missed(tmp_path: Path) -> None:
    code, figures = _run(tmp_path, FORGET_THE_EPOCH, "--seconds", "40", "--faults", "swap_outbox")
    assert code == 1
    assert figures["undeclared_lost"] > 0


def test_rows_that_a_bug_doubles_are_counted(tmp_path: Path) -> None:
    code, figures = _run(tmp_path, ACCEPT_TWICE, "--seconds", "20", "--faults", "duplicate_frames,cut_after_commit")
    assert code == 1
    assert figures["duplicates"] > 0


def test_the_same_run_without_a_bug_balances(tmp_path: Path) -> None:
    code, figures = _run(tmp_path, "", *OVERFLOWING)
    assert (code, figures["undeclared_lost"], figures["duplicates"]) == (0, 0, 0)
