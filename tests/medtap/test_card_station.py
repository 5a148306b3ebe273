"""A card through the real stack: pcscd, the station's own program, WebSocket, gateway; and what the station refuses."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards.reading import read_card
from firmware_sim.field import Field
from firmware_sim.pn532 import Pn532
from firmware_sim.type4 import IsoDepTag
from gateway.people.keys import write_keys
from medtap.card_station.enrolment import enrol
from medtap.card_station.readers import PcscStationReader, Pn532StationReader
from medtap.cli import card_batch
from medtap.cli.app import app
from tests.cards.simulated_reader import SimulatedReader
from tests.gateway.card_kit import Chips, make_world
from tests.gateway.card_server import CardServer, HandReader, card_server, until
from tests.gateway.conftest import shared_pool
from tests.gateway.ingest_kit import empty_and_furnish
from tests.gateway.people_kit import KEYS as PEOPLE_KEYS
from tests.pcsc_fixture import PcscSlot, pcsc_slot, pcscd_daemon
from tests.pn532_fixture import patient_host

__all__ = ["patient_host", "pcsc_slot", "pcscd_daemon", "shared_pool"]  # fixtures


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


def test_a_batch_from_a_list_is_made_at_the_terminal_card_by_card(
    desk: CardServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = ["BN-77", "BN-78"]
    for number in numbers:
        desk.world.patient(f"Người {number}", patient_number=number)
    write_keys(tmp_path / "people-keys.json", PEOPLE_KEYS)
    config = tmp_path / "gateway.toml"
    config.write_text(f'dsn = "{desk.world.pool.conninfo}"\n')
    patients = tmp_path / "patients.csv"
    for text, problem in (
        ("name\nAn\n", "expected patient_number"),
        ("patient_number\nBN-77\nBN-99\n", "line 3: patient number 'BN-99' is not known; nothing was made"),
        ("patient_number,reason\nBN-77,bored\n", "line 2: reason 'bored'"),
    ):
        patients.write_text(text)
        refused = CliRunner().invoke(app, ["card", "batch", "create", str(config), str(patients)])
        assert refused.exit_code == 2
        assert problem in refused.stderr
    assert desk.world.rows("SELECT count(*) FROM card_request") == [(0,)]
    patients.write_text("patient_number,urgent,note\nBN-77,có,\nBN-78,,lớp 1A\n")
    made = CliRunner().invoke(
        app, ["card", "batch", "create", str(config), str(patients), "--title", "Lớp 1A", "--json"]
    )
    assert (json.loads(made.stdout)["number"], json.loads(made.stdout)["total"]) == (1, 2)

    reader, chips = HandReader(), Chips()
    monkeypatch.setattr(card_batch, "chosen_reader", lambda *_names: reader)
    link = desk.signed_in("card_issuer").act("new-station", name="Bàn thẻ")["link"]
    file = tmp_path / "station.json"
    enrol(desk.address, link, file)

    def hand() -> None:
        for count in (1, 2):
            reader.put(chips.piv())
            until(
                lambda: desk.world.rows("SELECT count(*) FROM card_request WHERE state = 'personalised'") >= [(count,)],  # noqa: B023 - asked at once
                "the card is made",
            )

    feeding = threading.Thread(target=hand)
    feeding.start()
    done = CliRunner().invoke(app, ["card", "batch", "run", "1", "--file", str(file)])
    feeding.join()
    assert done.exit_code == 0, done.output
    assert "batch 1: 2 of 2 done, finished" in done.stdout
    assert done.stdout.count("is done") == 2
    assert "trying again" not in done.stdout
    status = CliRunner().invoke(app, ["card", "batch", "status", "1", "--file", str(file), "--json"])
    assert json.loads(status.stdout)["state"] == "finished"
    again = CliRunner().invoke(app, ["card", "batch", "resume", "1", "--file", str(file)])
    assert "Batch 1 is in the state" in again.stderr


def test_an_nfc_card_is_made_on_a_pn532_though_it_is_taken_away(
    desk: CardServer, tmp_path: Path, patient_host: None
) -> None:
    field, tag = Field(), Chips().tag()
    with contextlib.closing(Pn532(field, tmp_path / "pn532")):
        issuer = desk.signed_in("card_issuer")
        station = desk.station(issuer, "Bàn NFC", Pn532StationReader(tmp_path / "pn532"))
        request = issuer.act("ask", patient_id=str(desk.world.patient()), profile="ntag424")
        issuer.act("personalise", request_id=request["request_id"], station_id=station.enrolment.station_id)
        field.put(IsoDepTag(tag))
        until(lambda: [one for one in station.said if one.get("step") == "key 3"], "it is being written")
        field.take()
        assert station.outcome(0) in {"card_taken_away", "made"}
        field.put(IsoDepTag(tag))
        until(
            lambda: issuer.get(f"/requests/{request['request_id']}")["request"]["state"] == "personalised", "it is made"
        )
        assert desk.world.rows("SELECT card_id FROM card_request") == [(tag.uid.hex(),)]
