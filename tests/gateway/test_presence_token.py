"""Proofs of presence: bound to card, patient, desk and time; whatever is changed, none is believed."""

import contextlib
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from gateway.taps.presence_token import PresenceError, PresenceTokens

AT = datetime(2026, 11, 22, 7, 30, 15, tzinfo=UTC)
TOKENS = PresenceTokens(ec.generate_private_key(ec.SECP256R1()))
PATIENT = uuid.UUID(int=7)


def issued(tokens: PresenceTokens = TOKENS) -> str:
    return tokens.issue("04a1b2c3d4e5f6", PATIENT, "desk-1", 3, AT)


def code(token: str, now: datetime = AT, place_id: str = "desk-1") -> str:
    with pytest.raises(PresenceError) as refused:
        TOKENS.verify(token, now, place_id)
    return refused.value.code


def test_a_token_proves_one_tap_at_one_desk_for_ten_minutes() -> None:
    token = issued()
    presence = TOKENS.verify(token, AT + timedelta(minutes=10), "desk-1")
    assert (presence.card_id, presence.patient_id, presence.device_key) == ("04a1b2c3d4e5f6", PATIENT, 3)
    assert (presence.tapped_at, presence.valid_until) == (AT, AT + timedelta(minutes=10))
    assert TOKENS.verify(token, AT - timedelta(seconds=30), "desk-1").tapped_at == AT  # the desk's clock is ahead
    assert code(token, AT + timedelta(minutes=10, seconds=1)) == "presence_expired"
    assert code(token, AT - timedelta(minutes=3)) == "presence_expired"
    assert code(token, place_id="desk-2") == "presence_elsewhere"
    assert code(issued(PresenceTokens(ec.generate_private_key(ec.SECP256R1())))) == "presence_forged"


def test_of_ten_thousand_flipped_bits_none_is_accepted() -> None:
    drawn = random.Random(11)  # noqa: S311 - a test, to be repeated
    token = issued().encode()
    accepted = 0
    for _ in range(10_000):
        flipped = bytearray(token)
        flipped[drawn.randrange(len(flipped))] ^= 1 << drawn.randrange(8)
        with contextlib.suppress(PresenceError):
            TOKENS.verify(flipped.decode("latin-1"), AT, "desk-1")
            accepted += 1
    assert accepted == 0


@given(st.text(max_size=400) | st.text("ABCDEFabcdef0123456789_-", max_size=400))
def test_any_text_is_refused_by_name(text: str) -> None:
    assert code(text) == "presence_forged"
