"""A card through the real stack: pcscd, the station's own program, WebSocket, gateway; and what the station refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards.reading import read_card
from medtap.card_station.readers import PcscStationReader
from medtap.cli.app import app
from tests.cards.simulated_reader import SimulatedReader
from tests.gateway.card_kit import Chips, make_world
from tests.gateway.card_server import CardServer, card_server, until
from tests.gateway.conftest import shared_pool
from tests.gateway.ingest_kit import empty_and_furnish
from tests.pcsc_fixture import PcscSlot, pcsc_slot, pcscd_daemon

__all__ = ["pcsc_slot", "pcscd_daemon", "shared_pool"]  # fixtures


@pytest.fixture
def desk(shared_pool: object, tmp_path: Path) -> Iterator[CardServer]:
    """A card desk that is served."""
    pool = shared_pool
    empty_and_furnish(str(pool.conninfo))  # type: ignore[attr-defined]
    world = make_world(pool, tmp_path)  # type: ignore[arg-type]
    with card_server(world, tmp_path) as server:
        yield server
    world.issuing.stop()


@pytest.mark.pcsc_stack
def test_a_card_is_made_through_pcscd_though_it_is_yanked_away(desk: CardServer, pcsc_slot: PcscSlot) -> None:
    issuer = desk.signed_in("card_issuer")
    reader = PcscStationReader(pcsc_slot.reader_name, str(pcsc_slot.socket_path))
    station = desk.station(issuer, "Bàn thẻ PC/SC", reader)
    request = issuer.act("ask", patient_id=str(desk.world.patient()))
    issuer.act("personalise", request_id=request["request_id"], station_id=station.enrolment.station_id)
    card = Chips().piv()
    pcsc_slot.insert(card)
    until(lambda: [one for one in station.said if one.get("step") == "write"], "it is being written")
    pcsc_slot.yank()
    assert station.outcome(0) in {"card_taken_away", "made"}
    pcsc_slot.wait_until_empty()
    pcsc_slot.insert(card)
    until(lambda: issuer.get(f"/requests/{request['request_id']}")["request"]["state"] == "personalised", "it is made")
    assert read_card(SimulatedReader(card), desk.world.anchors, bytes(32), desk.world.now).verdict == "genuine"
    assert len(desk.world.rows("SELECT FROM card_chip")) == 1


def test_a_station_that_was_never_let_in_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "station.json"
    for arguments in (["station", "run"], ["batch", "run", "7"], ["batch", "status", "7"]):
        done = CliRunner().invoke(app, ["card", *arguments, "--file", str(file)])
        assert done.exit_code == 2
        assert "this station is not enrolled; make a one-time link" in done.stderr
    file.write_text("{}")
    done = CliRunner().invoke(app, ["card", "batch", "status", "7", "--file", str(file)])
    assert "not a station's file" in done.stderr
    done = CliRunner().invoke(
        app, ["card", "station", "run", "--link", "http://127.0.0.1:9/cards/enrol#x", "--file", str(file)]
    )
    assert "can't be reached" in done.stderr
