"""A blank becomes a patient's card through a station: whatever happens in between, it is finished or blank again."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from cards.card_state import CardState
from cards.emergency.sealing import open_record
from cards.issuing.piv_access_log import open_log
from cards.issuing.piv_personalisation import piv_state
from cards.ntag424.personalisation import tag_state
from cards.piv import PivCardApplication
from cards.processors import processor_for
from cards.reading import read_card
from gateway.issuing import blanks
from gateway.issuing.requests import cancel_request, steps_of
from gateway.issuing.stations import make_station, nobody_is_connected, set_task
from gateway.stock.errors import WorkRefusedError
from tests.cards.simulated_reader import SimulatedReader
from tests.gateway.card_kit import KEYS, CardDeskWorld, Chips, FakeStation, make_world, on_bench
from tests.gateway.ingest_kit import Database

AFTER_THE_NUMBER = 18
"""Of the commands to a PIV card: it has a number by then, and no certificate."""


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[CardDeskWorld]:
    """A card desk."""
    world = make_world(database.pool, tmp_path)
    yield world
    world.issuing.stop()


def test_a_blank_becomes_the_patients_card_step_by_step(desk: CardDeskWorld) -> None:
    chips, station = Chips(), desk.station()
    with desk.pool.connection() as connection:
        blanks.receive(connection, "piv", 30, "phiếu giao 12", desk.doer())
    request = desk.request()
    desk.task(station, request_id=request.request_id)
    card = chips.piv()
    station.put(card)
    made = desk.again(request)
    assert (made.state, made.key_version, station.outcomes) == ("personalised", 1, ["made"])
    assert made.card_id is not None
    reading = read_card(SimulatedReader(card), desk.anchors, bytes(32), desk.now)
    assert (reading.verdict, reading.card_id) == ("genuine", made.card_id)
    application = PivCardApplication.select(processor_for(SimulatedReader(card)))
    record = open_record(application.emergency_record() or b"", made.card_id, desk.terminal, desk.anchors)
    assert record.full_name == "Nguyễn Văn An"
    log = open_log(application.access_log() or b"", made.card_id, desk.terminal, desk.anchors)
    assert [(one.act, one.role) for one in log] == [("issued", "card_issuer")]
    showing = desk.showing(station)
    assert (showing["outcome"], showing["state"], showing["values"]) == (
        "made",
        "issued",
        {"number": made.card_number},
    )
    with desk.pool.connection() as connection:
        assert [one.on_hand for one in blanks.stocks(connection)] == [29, 0]
        assert [one.step for one in steps_of(connection, request.request_id)] == ["requested", "begun", "personalised"]
    assert desk.rows("SELECT task FROM card_station") == [("look",)]
    assert desk.rows("SELECT count(*) FROM card") == [(0,)], "it is nobody's card before it is handed over"

    # The same card again, and on another request: neither harms anything.
    station.take()
    station.put(card)
    assert station.outcomes[-1] == "looked_at"
    other = desk.request(desk.patient("Trần Thị Bình"))
    desk.task(station, request_id=other.request_id)
    station.put(card)
    assert station.outcomes[-1] == "card_issued_already"
    assert desk.showing(station)["values"] == {"number": made.card_number}
    assert desk.again(other).state == "requested"


def test_an_ntag_card_is_made_and_wiped_and_that_chip_not_used_again(desk: CardDeskWorld) -> None:
    chips, station = Chips(), desk.station()
    request = desk.request(profile="ntag424")
    desk.task(station, request_id=request.request_id)
    station.put(chips.piv())
    assert station.outcomes == ["card_other_kind"]
    card = chips.tag()
    station.put(card)
    made = desk.again(request)
    assert (made.state, made.card_id) == ("personalised", card.uid.hex())
    assert tag_state(SimulatedReader(card), KEYS.tag_masters, desk.issuing.making.address) is CardState.ISSUED
    back = desk.issuing.hub.do(station.station_id, lambda on: desk.issuing.desk.wipe(on, "sai tên in", desk.doer()))
    assert back is not None
    assert (back.state, back.card_id) == ("requested", None)
    assert tag_state(SimulatedReader(card), KEYS.tag_masters, desk.issuing.making.address) is CardState.BLANK
    with desk.pool.connection() as connection:
        assert {one.profile: one.on_hand for one in blanks.stocks(connection)} == {"piv": 0, "ntag424": 0}
    desk.task(station, request_id=request.request_id)
    station.put(card)
    assert station.outcomes[-1] == "card_counted_before"
    station.put(chips.tag())
    assert desk.again(request).state == "personalised"


@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_at_any_command_leaves_a_card_to_be_finished_or_wiped(desk: CardDeskWorld, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - seeded
    chips = Chips(seed)
    with desk.pool.connection() as connection:
        station_id, _ = make_station(connection, "Bàn", None, "https://x", desk.doer())
        blanks.receive(connection, "piv", 10, "", desk.doer())
        blanks.receive(connection, "ntag424", 10, "", desk.doer())
    for profile, blank in (("piv", chips.piv), ("ntag424", chips.tag)):
        request, card = desk.request(profile=profile), blank()
        for _attempt in range(8):
            with desk.pool.connection() as connection:
                set_task(connection, station_id, "lan", request_id=request.request_id)
            on_bench(desk, station_id, card, gone_at=rng.randrange(45), carried_out=rng.random() < 0.5)
            state = (
                piv_state(SimulatedReader(card), desk.issuing.keyring.secrets().piv_issuer, desk.now)
                if profile == "piv"
                else tag_state(SimulatedReader(card), KEYS.tag_masters, desk.issuing.making.address)
            )
            if desk.again(request).state == "personalised":
                break
            assert state is not CardState.ISSUED or desk.again(request).state == "personalising"
        with desk.pool.connection() as connection:
            set_task(connection, station_id, "lan", request_id=request.request_id)
        on_bench(desk, station_id, card, gone_at=10_000, carried_out=True)
        done = desk.again(request)
        assert done.state == "personalised"
        assert desk.rows("SELECT count(*), min(card_id) FROM card_chip WHERE request_id = %s", request.request_id) == [
            (1, done.card_id)
        ], "one chip, however often it was taken away"
    with desk.pool.connection() as connection:
        assert {one.on_hand for one in blanks.stocks(connection)} == {9}, "each blank is booked once"


def test_a_begun_card_is_nobody_elses_and_another_does_not_take_its_place(desk: CardDeskWorld) -> None:
    chips, station = Chips(), desk.station()
    first, second = desk.request(), desk.request(desk.patient("Trần Thị Bình"))
    card = chips.piv()
    desk.task(station, request_id=first.request_id)
    station.gone_at = AFTER_THE_NUMBER
    station.put(card)
    assert (station.outcomes, desk.again(first).state) == (["card_taken_away"], "personalising")
    station.gone_at = 10_000
    station.put(chips.piv())
    assert station.outcomes[-1] == "card_other_begun"
    desk.task(station, request_id=second.request_id)
    station.put(card)
    assert (station.outcomes[-1], desk.showing(station)["values"]) == ("card_of_request", {"number": first.card_number})
    with pytest.raises(WorkRefusedError) as refused, desk.pool.connection() as connection:
        cancel_request(connection, first.request_id, "nhầm", desk.doer())
    assert refused.value.code == "card_request_state"
    # Lost in the drawer: booked as spoiled, and the request takes another.
    desk.issuing.desk.spoiled(first.request_id, "gãy", desk.doer())
    desk.task(station, request_id=first.request_id)
    station.put(chips.piv())
    assert desk.again(first).state == "personalised"
    assert desk.rows("SELECT kind, quantity FROM card_blank_movement ORDER BY movement_id") == [
        ("used", -1),
        ("spoiled", 0),
        ("used", -1),
    ]
    # The old one turns up: nobody's any more, to be wiped.
    desk.task(station)
    station.put(card)
    desk.task(station, request_id=second.request_id)
    station.put(card)
    assert station.outcomes[-1] == "card_of_nobody"
    desk.issuing.hub.do(station.station_id, lambda on: desk.issuing.desk.wipe(on, "", desk.doer()))
    station.put(card)
    assert desk.again(second).state == "personalised"


def test_a_reader_that_tells_no_uid_still_never_makes_two_cards_of_one_number(desk: CardDeskWorld) -> None:
    chips, station = Chips(), desk.station(tells_uid=False)
    request = desk.request()
    desk.task(station, request_id=request.request_id)
    first, other = chips.piv(), chips.piv()
    station.gone_at = AFTER_THE_NUMBER
    station.put(first)
    station.gone_at = 10_000
    station.put(other)
    assert desk.again(request).state == "personalised"
    ids = {row[0] for row in desk.rows("SELECT card_id FROM card_chip")}
    assert len(ids) == 2
    station.put(first)
    assert station.outcomes[-1] == "looked_at"
    assert read_card(SimulatedReader(first), desk.anchors, bytes(32), desk.now).verdict != "genuine"


def test_keys_of_another_hospital_and_keys_that_are_not_there_are_said(desk: CardDeskWorld, tmp_path: Path) -> None:
    chips, station = Chips(), desk.station()
    theirs = chips.piv()
    theirs.management.value = bytes(24)
    request = desk.request()
    desk.task(station, request_id=request.request_id)
    station.put(theirs)
    assert station.outcomes == ["card_foreign_keys"]
    (tmp_path / "passphrase").write_text("something else altogether\n")
    (tmp_path / "issuing.json").touch()
    card = chips.piv()
    station.put(card)
    assert station.outcomes[-1] == "card_keys_closed"
    assert card.objects == {}
    assert desk.again(request).state == "requested"


def test_a_gateway_that_was_restarted_goes_on_with_the_same_card(desk: CardDeskWorld, tmp_path: Path) -> None:
    station, request, card = desk.station(), desk.request(), Chips().piv()
    desk.task(station, request_id=request.request_id)
    station.gone_at = AFTER_THE_NUMBER
    station.put(card)
    desk.issuing.stop()
    restarted = make_world(desk.pool, tmp_path)
    with restarted.pool.connection() as connection:
        nobody_is_connected(connection)
    same = FakeStation(restarted.issuing.hub, station.station_id)
    same.put(card)
    assert same.outcomes == ["made"]
    assert restarted.again(request).state == "personalised"
    restarted.issuing.stop()
