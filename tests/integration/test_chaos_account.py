"""The account of a chaos run: it balances only if every row is there once; and the schedule follows from the seed."""

import time
from dataclasses import replace
from itertools import cycle, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtap.chaos.account import settle
from medtap.chaos.agent_process import Standing, StreamStanding
from medtap.chaos.faults import CORE, Fault, parse_faults
from medtap.chaos.outbox_files import OutboxRow, OutboxStream
from medtap.chaos.playing import Playing
from medtap.chaos.recovery import RecoveryWatch
from medtap.chaos.schedule import ScheduledFault, make_schedule, parts_of
from medtap.chaos.silicon import NodeSilicon, Scan
from medtap.chaos.stored_rows import StoredRow, StoredRows
from medtap.services.errors import ServiceError

AGENTS = ("node-1", "node-2", "node-3")


def _row(seq: int, text: str = "") -> OutboxRow:
    return OutboxRow(span=1, monotonic_ns=1000 + seq, is_gap=False, text=text)


OUTBOX = OutboxStream(
    "node-1", "events", "aa", 3, {seq: _row(seq, f"code {seq}") for seq in (1, 2, 3)}, taken_out=False
)
DATABASE = StoredRows(
    rows=[StoredRow("aa", seq, 1000 + seq, f"code {seq}") for seq in (1, 2, 3)],
    gaps=[],
    marks={"aa": 3},
    dead_messages=0,
    dead_rows=0,
)


def test_every_row_once_is_balanced() -> None:
    account = settle([OUTBOX], DATABASE, {"code 1", "code 3"})
    assert (account.generated, account.stored, account.duplicates, account.declared_gaps) == (3, 3, 0, 0)
    assert account.balanced


def test_a_row_that_is_not_there_is_lost_and_named() -> None:
    account = settle([OUTBOX], replace(DATABASE, rows=DATABASE.rows[:2]), ())
    assert account.undeclared_lost == 1
    assert not account.balanced
    assert any("row 3" in remark for remark in account.remarks)


def test_a_row_that_is_there_twice_is_a_duplicate() -> None:
    account = settle([OUTBOX], replace(DATABASE, rows=[*DATABASE.rows, DATABASE.rows[0]]), ())
    assert (account.stored, account.duplicates, account.balanced) == (3, 1, False)


def test_another_rows_content_under_a_number_is_no_copy_of_the_row() -> None:
    changed = replace(DATABASE.rows[0], monotonic_ns=77, text="")
    account = settle([OUTBOX], replace(DATABASE, rows=[changed, *DATABASE.rows[1:]]), ())
    assert (account.undeclared_lost, account.duplicates) == (1, 1)


def test_a_row_that_no_outbox_knows_is_too_many() -> None:
    account = settle([OUTBOX], replace(DATABASE, rows=[*DATABASE.rows, StoredRow("bb", 1, 5, "")]), ())
    assert (account.stored, account.duplicates, account.balanced) == (3, 1, False)


def test_one_scan_under_two_numbers_is_a_duplicate_although_each_number_is_there_once() -> None:
    twice = replace(OUTBOX, rows={**OUTBOX.rows, 3: _row(3, "code 2")})
    stored = replace(DATABASE, rows=[*DATABASE.rows[:2], StoredRow("aa", 3, 1003, "code 2")])
    account = settle([twice], stored, ())
    assert (account.undeclared_lost, account.duplicates) == (0, 1)


def test_a_code_that_a_well_agent_heard_and_did_not_keep_is_lost() -> None:
    account = settle([OUTBOX], DATABASE, {"code 4"})
    assert (account.generated, account.undeclared_lost) == (4, 1)


def test_a_code_that_was_restored_away_counts_by_its_number_which_a_declared_gap_covers_or_not() -> None:
    outbox = replace(OUTBOX, rows={1: OutboxRow(2, 1, is_gap=True, text=""), 3: OUTBOX.rows[3]})
    restored = replace(DATABASE, rows=DATABASE.rows[2:], gaps=[("aa", 1, 2)])
    account = settle([outbox], restored, {"code 2"}, DATABASE.rows)
    assert (account.generated, account.declared_gaps, account.balanced) == (3, 2, True)
    unexplained = settle([outbox], replace(restored, gaps=[("aa", 1, 1)]), {"code 2"}, DATABASE.rows)
    assert unexplained.undeclared_lost == 1 + 1


def test_a_declared_gap_is_not_lost() -> None:
    gap = OutboxRow(span=2, monotonic_ns=1, is_gap=True, text="")
    outbox = replace(OUTBOX, rows={1: gap, 3: _row(3)})
    stored = replace(DATABASE, rows=DATABASE.rows[2:], gaps=[("aa", 1, 2)])
    account = settle([outbox], stored, ())
    assert (account.stored, account.declared_gaps, account.balanced) == (1, 2, True)


def test_rows_above_the_mark_wait_in_a_file_that_was_taken_out_but_not_in_one_that_is_in_use() -> None:
    stored = replace(DATABASE, rows=DATABASE.rows[:2], marks={"aa": 2})
    assert settle([replace(OUTBOX, taken_out=True)], stored, ()).declared_gaps == 1
    assert settle([OUTBOX], stored, ()).undeclared_lost == 1


def test_a_row_below_the_mark_or_gone_from_the_file_does_not_wait_anywhere() -> None:
    gone = replace(OUTBOX, taken_out=True)
    stored = replace(DATABASE, rows=DATABASE.rows[:2])
    assert settle([gone], stored, ()).undeclared_lost == 1
    without = replace(gone, rows={1: _row(1), 2: _row(2)})
    assert settle([without], replace(stored, marks={"aa": 2}), ()).undeclared_lost == 1


def _standing(at_s: float, last_seq: int, acknowledged_seq: int, epoch: str = "aa") -> dict[str, Standing | None]:
    stream = StreamStanding(epoch, last_seq, acknowledged_seq)
    return {"node-1": Standing(at_s, 1, connected=True, devices_up=True, streams={"events": stream})}


def test_an_agent_has_recovered_when_what_it_had_is_acknowledged_although_new_rows_always_wait() -> None:
    watch, now_s = RecoveryWatch(), time.time()
    watch.ended(Fault.PARTITION, ["node-1"])
    watch.see(_standing(now_s - 10, 50, 50))
    assert watch.waiting, "what it said before the end of the fault tells nothing"
    watch.see(_standing(now_s + 10, 90, 50))
    watch.see(_standing(now_s + 11, 130, 89))
    assert watch.worst_s(Fault.PARTITION) is None
    assert watch.still() == ["no recovery from partition: node-1"]
    watch.see(_standing(now_s + 12, 170, 90))
    assert not watch.waiting
    assert watch.worst_s(Fault.PARTITION) == pytest.approx(12, abs=1)


def test_an_agent_with_another_outbox_file_has_recovered_when_that_one_is_acknowledged() -> None:
    watch, now_s = RecoveryWatch(), time.time()
    watch.ended(Fault.SWAP_OUTBOX, ["node-1"])
    watch.see(_standing(now_s + 10, 90, 50))
    watch.see(_standing(now_s + 11, 5, 0, epoch="bb"))
    assert watch.waiting
    watch.see(_standing(now_s + 12, 8, 5, epoch="bb"))
    assert not watch.waiting


def test_a_code_that_the_scanner_sent_too_slowly_to_be_whole_is_not_held_against_the_agent(tmp_path: Path) -> None:
    silicon = NodeSilicon("node-1", tmp_path / "node-1", seed=1)
    try:
        silicon.calm()
        now_s = time.monotonic() + 10
        silicon._heard += [Scan("whole", now_s, 0.002), Scan("halved", now_s, 0.6)]  # noqa: SLF001 - heard by nobody
        assert set(silicon.certain()) == {"whole"}
    finally:
        silicon.close()


@given(seed=st.integers(0, 2**32), seconds=st.floats(3, 600), faults=st.sets(st.sampled_from(Fault), min_size=1))
def test_a_schedule_follows_from_its_seed_and_ends_in_time(seed: int, seconds: float, faults: set[Fault]) -> None:
    chosen = sorted(faults)
    schedule = make_schedule(seed, seconds, chosen, AGENTS)
    assert schedule == make_schedule(seed, seconds, chosen, AGENTS)
    assert {one.fault for one in schedule} <= faults
    assert all(one.at_s + one.hold_s <= seconds for one in schedule)


def test_two_faults_never_break_one_part_at_the_same_time() -> None:
    busy = {Fault.KILL_GATEWAY, Fault.RESTORE_BACKUP, Fault.OVERFLOW_BROKER_QUEUE, Fault.CUT_AFTER_COMMIT}
    for seed in range(50):
        spans = [
            (one.at_s, one.at_s + one.hold_s)
            for one in make_schedule(seed, 120, tuple(Fault), AGENTS)
            if one.fault in busy
        ]
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


@given(
    seed=st.integers(0, 1000),
    delays_s=st.lists(st.sampled_from([0.03, 0.03, 0.03, 2.0, 20.0]), min_size=20, max_size=200),
)
def test_on_a_machine_that_is_seconds_late_two_faults_break_one_part_one_after_the_other(
    seed: int, delays_s: list[float]
) -> None:
    schedule = make_schedule(seed, 120, tuple(Fault), AGENTS)
    playing, now_s, late_s = Playing(schedule), 0.0, cycle(delays_s)
    begun_s: dict[ScheduledFault, float] = {}
    broken: set[str] = set()
    while not playing.done:
        for one in playing.over(now_s):
            assert now_s >= begun_s[one] + one.hold_s
            broken -= set(parts_of(one))
            now_s += next(late_s)
            playing.ended(one, now_s)
        while (due := playing.next(now_s)) is not None:
            assert broken.isdisjoint(parts_of(due))
            assert now_s >= due.at_s
            broken |= set(parts_of(due))
            now_s += next(late_s)
            playing.begun(due, now_s)
            begun_s[due] = now_s
        now_s += next(late_s)
    assert set(begun_s) == set(schedule)
    for part in {part for one in schedule for part in parts_of(one)}:
        of_part = [one for one in schedule if part in parts_of(one)]
        assert sorted(of_part, key=lambda one: begun_s[one]) == of_part


def test_a_machine_in_time_plays_each_fault_when_it_is_due() -> None:
    schedule = make_schedule(202, 60, tuple(Fault), AGENTS)
    playing = Playing(schedule)
    for tick in range(70 * 100):
        now_s = tick / 100
        for one in playing.over(now_s):
            playing.ended(one, now_s)
        while (due := playing.next(now_s)) is not None:
            assert now_s - due.at_s < 0.05, due
            playing.begun(due, now_s)
    assert playing.done


def test_a_run_that_is_long_enough_has_every_fault() -> None:
    assert {one.fault for one in make_schedule(1, 240, tuple(Fault), AGENTS)} == set(Fault)


def test_fault_lists_are_read_and_wrong_names_refused() -> None:
    assert parse_faults("all") == tuple(Fault)
    assert parse_faults("core") == CORE
    assert parse_faults("partition, kill_agent,partition") == (Fault.PARTITION, Fault.KILL_AGENT)
    with pytest.raises(ServiceError, match="expected all, core or a list of kill_agent"):
        parse_faults("kill_gatway")
