"""What the simulated hospital does by itself: always the same for a seed, and enough for a demonstration."""

from collections import Counter
from datetime import date
from itertools import takewhile

from firmware_sim.autoplay import Autoplayer, Command, Planned, plan
from firmware_sim.hospital import generate_hospital

HOSPITAL = generate_hospital(1, date(2026, 11, 22))
MINUTE_S = 60.0


def _until(seconds: float, seed: int = 1) -> list[Planned]:
    hospital = generate_hospital(seed, date(2026, 11, 22))
    return list(takewhile(lambda planned: planned.due_s < seconds, plan(hospital)))


def test_the_same_seed_plays_the_same_day() -> None:
    assert _until(30 * MINUTE_S) == _until(30 * MINUTE_S)
    assert _until(MINUTE_S) != _until(MINUTE_S, seed=2)


def test_what_happens_is_in_order_of_time() -> None:
    due = [planned.due_s for planned in _until(60 * MINUTE_S)]
    assert due == sorted(due)


def test_forty_seconds_are_enough_to_show_everything() -> None:
    verbs = Counter(planned.verb for planned in _until(40.0))
    assert verbs["tap"] >= 4
    assert verbs["scan"] >= 5
    assert verbs["nfc_tag"] + verbs["garbage_tag"] >= 2
    assert verbs["uhf_put"] >= 5
    assert verbs["warm"] == verbs["cool"] == 1


def test_only_packs_that_were_received_are_issued_and_each_once_in_turn() -> None:
    received: list[object] = []
    issued: list[object] = []
    for planned in _until(45 * MINUTE_S):
        arguments = dict(planned.arguments)
        if planned.verb != "scan":
            continue
        if arguments["scanner"] == "issue":
            assert arguments["pack"] in received
            issued.append(arguments["pack"])
        elif arguments["pack"] not in received:
            received.append(arguments["pack"])
    assert len(issued) == len(set(issued))
    assert issued == received[: len(issued)]
    assert issued


def test_only_packs_on_the_shelf_are_taken_from_it() -> None:
    there: set[object] = set()
    fullest = 0
    for planned in _until(60 * MINUTE_S):
        pack = dict(planned.arguments).get("pack")
        if planned.verb == "uhf_put":
            assert pack not in there
            there.add(pack)
        elif planned.verb == "uhf_take":
            there.remove(pack)
        fullest = max(fullest, len(there))
    assert 5 <= fullest <= 12


def test_doors_are_shut_again_and_warm_fridges_mended() -> None:
    doors = Counter(dict(planned.arguments)["open"] for planned in _until(60 * MINUTE_S) if planned.verb == "door")
    assert abs(doors[True] - doors[False]) <= 1
    changes = [planned.verb for planned in _until(60 * MINUTE_S) if planned.verb in ("warm", "cool")]
    assert changes == ["warm", "cool"] * (len(changes) // 2)


def test_after_the_last_pack_the_hospital_still_issues_and_then_rests_without_error() -> None:
    long = _until(6 * 60 * MINUTE_S)
    assert long[-1].due_s > 5.9 * 60 * MINUTE_S


def test_switched_off_nothing_happens_and_switched_on_it_goes_on_where_it_was() -> None:
    done: list[Command] = []
    player = Autoplayer(HOSPITAL, done.append)
    player.step(1000.0)
    assert done == []
    player.on = True
    player.step(10.0)
    first = len(done)
    assert first == len(_until(10.0))
    player.on = False
    player.step(1000.0)
    assert len(done) == first
    player.on = True
    player.step(5.0)
    assert done == [planned.command for planned in plan_of(len(done))]
    assert len(done) > first


def plan_of(count: int) -> list[Planned]:
    everything = plan(HOSPITAL)
    return [next(everything) for _ in range(count)]
