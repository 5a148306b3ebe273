"""Batches of cards: interrupted anywhere and gone on with, wrong cards refused; new keys for cards in use."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from cards.issuing.piv_keys import management_key
from cards.piv import PivCardApplication
from cards.piv_management import authenticate
from cards.processors import processor_for
from firmware_sim.piv_card import PivCard
from gateway.issuing import batches, blanks
from gateway.issuing.batches import Batch, BatchName
from gateway.issuing.handing_over import Receipt, hand_over
from gateway.issuing.prints import order_print
from gateway.issuing.requests import PROFILES, NewRequest, find_requests
from gateway.issuing.stations import read_station
from gateway.stock.errors import WorkRefusedError
from tests.cards.simulated_reader import SimulatedReader
from tests.gateway.card_kit import KEYS, CardDeskWorld, Chips, FakeStation, keys_in, make_world
from tests.gateway.ingest_kit import Database

WELL = Receipt("patient", "Lê Minh Anh", "birth_date", matched=True, signed=True)
ROTATED = KEYS.rotated()


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[CardDeskWorld]:
    """A card desk."""
    world = make_world(database.pool, tmp_path)
    yield world
    world.issuing.stop()


def new_batch(desk: CardDeskWorld, count: int) -> Batch:
    """So many new cards."""
    wanted = [NewRequest(uuid.uuid4(), desk.patient(f"Người Thứ {number}"), "piv", "first") for number in range(count)]
    with desk.pool.connection() as connection:
        return batches.make_new_batch(connection, BatchName(uuid.uuid4(), "Lớp 1A"), wanted, desk.doer())


def begun(desk: CardDeskWorld, batch: Batch, station: FakeStation) -> None:
    """At this station, from now on."""
    with desk.pool.connection() as connection:
        batches.begin_batch(connection, batch.batch_id, station.station_id, desk.doer())
    desk.issuing.hub.again(station.station_id)
    station.settle()


def now(desk: CardDeskWorld, batch: Batch) -> Batch:
    """As it stands."""
    with desk.pool.connection() as connection:
        return batches.read_batch(connection, batch.batch_id)


def test_ten_cards_interrupted_at_a_card_and_between_two_and_gone_on_with(desk: CardDeskWorld) -> None:
    batch, chips = new_batch(desk, 10), Chips()
    cards = [chips.piv() for _ in range(10)]
    with desk.pool.connection() as connection:
        blanks.receive(connection, "piv", 12, "", desk.doer())
    station = desk.station()
    begun(desk, batch, station)
    for card in cards[:4]:
        station.put(card)
        station.take()
    assert station.outcomes == ["made"] * 4
    assert [one for one in station.said if one["what"] == "batch"][-1]["done"] == 4
    # Ctrl-C in the middle of the fifth: the station leaves, the gateway too.
    station.gone_at = 20
    station.put(cards[4])
    assert station.outcomes[-1] == "card_taken_away"
    with desk.pool.connection() as connection:
        batches.pause_batch(connection, batch.batch_id, desk.doer())
    desk.issuing.hub.detach(station.station_id, station.relay)
    assert (now(desk, batch).state, now(desk, batch).done) == ("paused", 4)
    with desk.pool.connection() as connection:
        assert read_station(connection, station.station_id).task == "look"

    # Another day, another reader, and the cards come in another order.
    later = desk.station("Bàn thẻ 2")
    begun(desk, batch, later)
    later.put(cards[0])
    assert later.outcomes == ["done_already"]
    later.put(chips.tag())
    assert later.outcomes[-1] == "card_other_kind"
    for card in cards[5:]:
        later.put(card)
    assert later.outcomes[-5:] == ["made"] * 5
    later.put(chips.piv())
    assert later.outcomes[-1] == "card_other_begun", "the last one was begun on a chip"
    later.put(cards[4])
    assert later.outcomes[-1] == "made"
    done = now(desk, batch)
    assert (done.state, done.done, done.waiting) == ("finished", 10, 0)
    ids = {row[0] for row in desk.rows("SELECT card_id FROM card_request WHERE state = 'personalised'")}
    assert len(ids) == 10
    assert {card_id_of(card) for card in cards} == ids
    with desk.pool.connection() as connection:
        assert next(one.on_hand for one in blanks.stocks(connection) if one.profile == "piv") == 2
        assert read_station(connection, later.station_id).task == "look"


def card_id_of(card: PivCard) -> str:
    """As the chip says."""
    return PivCardApplication.select(processor_for(SimulatedReader(card))).guid().hex()


def test_a_card_of_another_request_is_not_used_and_a_card_may_be_left_out(desk: CardDeskWorld) -> None:
    chips, station = Chips(), desk.station()
    stranger, card = desk.request(desk.patient("Người Ngoài")), chips.piv()
    desk.task(station, request_id=stranger.request_id)
    station.put(card)
    batch = new_batch(desk, 2)
    begun(desk, batch, station)
    assert station.outcomes[-1] == "card_issued_already", "it lies there still, and is another's"
    with desk.pool.connection() as connection:
        batches.skip_item(connection, batch.batch_id, 1, "nghỉ học", desk.doer())
    station.put(chips.piv())
    done = now(desk, batch)
    assert (done.state, done.done, done.skipped) == ("finished", 1, 1)
    with pytest.raises(WorkRefusedError) as refused:
        begun(desk, batch, station)
    assert refused.value.code == "card_batch_state"
    with desk.pool.connection() as connection:
        (left,) = find_requests(connection, states=("requested",))
    with pytest.raises(WorkRefusedError), desk.pool.connection() as connection:
        batches.make_batch_of_requests(connection, BatchName(uuid.uuid4()), [stranger.request_id], desk.doer())
    with desk.pool.connection() as connection:
        assert (
            batches.make_batch_of_requests(connection, BatchName(uuid.uuid4()), [left.request_id], desk.doer()).total
            == 1
        )


def test_cards_in_use_are_brought_to_the_new_keys_one_after_the_other(desk: CardDeskWorld, tmp_path: Path) -> None:
    chips, station = Chips(), desk.station()
    held = {}
    for profile, card in (("piv", chips.piv()), ("ntag424", chips.tag())):
        request = desk.request(profile=profile)
        desk.task(station, request_id=request.request_id)
        station.put(card)
        with desk.pool.connection() as connection:
            order_print(connection, request.request_id, "", desk.doer())
            hand_over(connection, request.request_id, WELL, child=False, doer=desk.doer())
        held[profile] = (desk.again(request), card)
    keys_in(tmp_path, ROTATED)
    for profile in PROFILES:
        request, card = held[profile]
        with desk.pool.connection() as connection:
            batch = batches.make_rekey_batch(connection, BatchName(uuid.uuid4()), profile, 2, desk.doer())
        station.take()
        begun(desk, batch, station)
        station.put(chips.piv())
        assert station.outcomes[-1] == "card_not_in_batch"
        station.gone_at = 16
        station.put(card)
        assert now(desk, batch).done == 0
        station.gone_at = 10_000
        station.put(card)
        assert station.outcomes[-1] == "made"
        assert now(desk, batch).state == "finished"
        assert desk.again(request).key_version == 2
        assert desk.again(request).card_id == request.card_id
    assert desk.rows("SELECT key_version, state FROM card") == [(2, "active")] * 2
    assert desk.rows("SELECT highest >> 24 FROM sun_counter") == [(2,)], "addresses of the old keys stay behind"
    request, card = held["piv"]
    processor = processor_for(SimulatedReader(card))
    PivCardApplication.select(processor)
    authenticate(processor, management_key(ROTATED.piv_masters, 2, bytes.fromhex(str(request.card_id))))
    with desk.pool.connection() as connection:
        assert batches.cards_on_old_keys(connection, 2) == []
