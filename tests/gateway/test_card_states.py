"""States of cards, and the list of cards to refuse that is made of them. Real PostgreSQL."""

import uuid
from base64 import b64decode
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from cards.status_list import read_head, unpack
from cards.trust import TrustAnchors
from edge.contracts.card_status import CardStatusPart
from gateway.services.site_file import import_site, parse_site
from gateway.taps.card_states import (
    CARD_STATES,
    CHANNEL,
    FOLLOWING,
    CardNotFoundError,
    CardStateConflictError,
    CardStateError,
    set_card_state,
)
from gateway.taps.signing_keys import own_status_key, presence_key
from gateway.taps.status_list import issue, refused_cards
from medtap.cli.app import app
from tests.gateway.ingest_kit import NOW, Database
from tests.gateway.people_kit import people_of

pytestmark = pytest.mark.integration

EVERY = timedelta(minutes=10)
TODAY = date(2026, 11, 22)
PIV, TAG = "0a" * 16, "04a1b2c3d4e5f6"


@pytest.fixture
def cards(database: Database) -> Database:
    """Two cards of one patient, a PIV card and a tag."""
    patient_id = str(uuid.UUID(int=1))
    patient = {
        "patient_id": patient_id,
        "patient_number": "BN1",
        "full_name": "Trần Thị Bưởi",
        "birth_date": "2020-02-29",
        "sex": "female",
    }
    cards = [{"card_id": card_id, "patient_id": patient_id} for card_id in (PIV, TAG)]
    with database.pool.connection() as connection:
        import_site(connection, parse_site({"patients": [patient], "cards": cards}), people_of())
    return database


def test_a_state_changes_once_with_its_history_and_wakes_the_list(cards: Database) -> None:
    with psycopg.connect(cards.dsn, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        with cards.pool.connection() as connection:
            assert set_card_state(connection, PIV, "lost", "clerk", "by telephone", at=NOW) == "active"
            assert set_card_state(connection, PIV, "lost", "clerk", "again", at=NOW) == "lost"
            with pytest.raises(CardStateConflictError, match="is 'lost' by now"):
                set_card_state(connection, PIV, "replaced", "clerk", "", at=NOW, expected="active")
            with pytest.raises(CardStateError, match="can't become 'active'"):
                set_card_state(connection, PIV, "active", "clerk", "", at=NOW)
            with pytest.raises(CardNotFoundError, match="never handed over"):
                set_card_state(connection, "ff" * 16, "lost", "clerk", "", at=NOW)
            with pytest.raises(CardStateError, match="at most 300"):
                set_card_state(connection, PIV, "found", "clerk", "x" * 301, at=NOW)
        assert len(list(listener.notifies(timeout=30, stop_after=1))) == 1
    history = cards.rows("SELECT from_state, to_state, changed_by, reason, changed_at FROM card_state_change")
    assert history == [("active", "lost", "clerk", "by telephone", NOW)]
    assert set(FOLLOWING) == set(CARD_STATES)
    assert all(not FOLLOWING[state] & {"active"} for state in ("revoked", "replaced", "stolen", "lost"))


def test_the_list_rises_with_each_change_and_with_time_and_never_goes_back(cards: Database) -> None:
    with cards.pool.connection() as connection:
        first = issue(connection, TODAY, NOW, EVERY)
        same = issue(connection, TODAY, NOW + timedelta(minutes=9), EVERY)
        assert (same.number, same.issued_at) == (first.number, first.issued_at)
        assert first.number >= NOW.timestamp() - 1
        later = issue(connection, TODAY, NOW + EVERY, EVERY)
        assert later.number > first.number
        set_card_state(connection, PIV, "stolen", "clerk", "", at=NOW)
        changed = issue(connection, TODAY, NOW + EVERY, EVERY)
        assert (changed.number, changed.cards) == (later.number + 1, 1)
        set_back = issue(connection, TODAY, NOW - timedelta(days=900), EVERY)
        assert set_back.number >= changed.number
        key = own_status_key(connection, NOW)
        again = own_status_key(connection, NOW)
        assert key.certificate == again.certificate
        assert presence_key(connection, NOW).private_numbers() == presence_key(connection, NOW).private_numbers()
    message = changed.messages("demo", key)
    assert len(message) == 1
    head = read_head(_head_of(message[0]), TrustAnchors((key.certificate,)), NOW)
    listed = unpack(head, changed.parts)
    assert (head.site, listed.state_of(PIV), listed.state_of(TAG)) == ("demo", "stolen", None)


def test_cards_whose_last_day_is_over_are_refused_where_they_do_not_say_so_themselves(cards: Database) -> None:
    with cards.pool.connection() as connection:
        connection.execute("UPDATE card SET valid_until = %s", (TODAY,))
        assert refused_cards(connection, TODAY) == {}
        assert refused_cards(connection, TODAY + timedelta(days=1)) == {TAG: "expired"}
        set_card_state(connection, PIV, "expired", "clerk", "", at=NOW)
        assert refused_cards(connection, TODAY) == {PIV: "expired"}
        set_card_state(connection, TAG, "lost", "clerk", "", at=NOW)
        set_card_state(connection, TAG, "found", "clerk", "", at=NOW)
        assert refused_cards(connection, TODAY) == {PIV: "expired", TAG: "lost"}


def _head_of(message: bytes) -> bytes:
    return b64decode(CardStatusPart.from_wire(message).head)


def test_the_certificate_for_edge_nodes_is_written_by_a_command(cards: Database, tmp_path: Path) -> None:
    config, out = tmp_path / "gateway.toml", tmp_path / "gateway-status.pem"
    config.write_text(f"dsn = '{cards.dsn}'\n")
    said = CliRunner().invoke(app, ["gateway", "card-status-certificate", str(config), "--out", str(out)])
    assert said.exit_code == 0, said.output
    with cards.pool.connection() as connection:
        assert out.read_bytes() == own_status_key(connection, NOW).certificate_pem
