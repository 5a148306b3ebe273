"""The card status list: who may sign it, that nothing of it can be changed, and how many cards it holds."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from cards.errors import CardDataError
from cards.issuing.card_ca import issue_certificate
from cards.issuing.key_file import IssuingKeys
from cards.issuing.status_key import StatusKey, make_status_key
from cards.status_list import (
    PART_ENTRIES_MAX,
    BadState,
    StatusListError,
    pack,
    read_head,
    sign_head,
    unpack,
)
from cards.trust import TrustAnchors

NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)
UNTIL = NOW + timedelta(days=365)
CA = IssuingKeys.create("Card CA", valid_from=NOW, valid_until=UNTIL + timedelta(days=1))
ANCHORS = TrustAnchors((CA.ca_certificate,))
KEY = make_status_key("status", valid_from=NOW, valid_until=UNTIL, issuer=CA)
STATES: Mapping[str, BadState] = {
    "00112233445566778899aabbccddeeff": "lost",
    "04a1b2c3d4e5f6": "stolen",
    "0f" * 16: "revoked",
}


def signed(states: Mapping[str, BadState] = STATES, key: StatusKey = KEY) -> tuple[bytes, tuple[bytes, ...]]:
    parts = pack(states)
    return sign_head("nhi-dong-1", 7, NOW, parts, key), parts


def test_a_list_says_of_each_card_why_it_is_refused_and_nothing_of_others() -> None:
    head, parts = signed()
    found = unpack(read_head(head, ANCHORS, NOW), parts)
    assert (found.head.site, found.head.number, found.head.issued_at) == ("nhi-dong-1", 7, NOW)
    assert {card_id: found.state_of(card_id) for card_id in STATES} == dict(STATES)
    assert found.state_of("ab" * 16) is None
    assert all(
        card_id.encode() not in part and bytes.fromhex(card_id) not in part for card_id in STATES for part in parts
    )
    empty_head, empty = signed({})
    assert unpack(read_head(empty_head, ANCHORS, NOW), empty).states == {}


def test_twelve_thousand_cards_stand_in_three_parts_under_one_signature() -> None:
    many: dict[str, BadState] = {f"{number:032x}": "revoked" for number in range(12_000)}
    head, parts = signed(many)
    assert len(parts) == 3
    assert max(map(len, parts)) == 9 * PART_ENTRIES_MAX
    whole = read_head(head, ANCHORS, NOW)
    assert unpack(whole, parts).state_of(f"{11_999:032x}") == "revoked"
    for wrong in (parts[:2], parts[::-1], (*parts, b""), (parts[0], parts[1], parts[2][:-9])):
        with pytest.raises(StatusListError, match="not those that were signed"):
            unpack(whole, wrong)


def test_only_who_is_certified_for_it_may_sign() -> None:
    head, parts = signed()
    own = make_status_key("own", valid_from=NOW, valid_until=UNTIL)
    own_head, _ = signed(key=own)
    assert unpack(read_head(own_head, TrustAnchors((own.certificate,)), NOW), parts).head.number == 7
    with pytest.raises(StatusListError, match="whom no trust anchor certifies"):
        read_head(own_head, ANCHORS, NOW)
    with pytest.raises(StatusListError, match="whom no trust anchor certifies"):
        read_head(head, TrustAnchors(), NOW)
    with pytest.raises(StatusListError, match="not valid now"):
        read_head(head, ANCHORS, UNTIL + timedelta(seconds=1))
    forged = StatusKey(own.key, KEY.certificate)  # the right certificate, another key
    with pytest.raises(StatusListError, match="signature is not of this key"):
        read_head(signed(key=forged)[0], ANCHORS, NOW)
    card = issue_certificate(CA, bytes(range(16)), own.key.public_key(), valid_from=NOW, valid_until=UNTIL)
    of_a_card = StatusKey(own.key, x509.load_der_x509_certificate(card))
    with pytest.raises(StatusListError, match="not for status lists"):
        read_head(signed(key=of_a_card)[0], ANCHORS, NOW)


def test_of_ten_thousand_flipped_bits_none_is_accepted() -> None:
    drawn = random.Random(424)  # noqa: S311 - a test, to be repeated
    head, parts = signed()
    whole = read_head(head, ANCHORS, NOW)
    accepted = 0
    for _ in range(10_000):
        texts = [bytearray(head), bytearray(parts[0])]
        # the entries are few: as often in them as in the head
        text = texts[drawn.randrange(2)]
        text[drawn.randrange(len(text))] ^= 1 << drawn.randrange(8)
        try:
            if text is texts[0]:
                read_head(bytes(text), ANCHORS, NOW)
            else:
                unpack(whole, [bytes(text)])
            accepted += 1
        except CardDataError:
            continue
    assert accepted == 0


def test_arbitrary_bytes_are_refused_by_name() -> None:
    drawn = random.Random(425)  # noqa: S311 - a test, to be repeated
    for _ in range(2_000):
        with pytest.raises(StatusListError, match="status list"):
            read_head(drawn.randbytes(drawn.randrange(300)), ANCHORS, NOW)
