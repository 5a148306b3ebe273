"""The emergency record: small enough for a card, readable by whom it is for, and by nobody else or on another card."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.cose import encrypt
from cards.cose.cbor import CoseError, encode
from cards.emergency.record import (
    BLOOD_GROUPS,
    CODE_SYSTEMS,
    SEVERITIES,
    CodedEntry,
    Contact,
    EmergencyRecord,
    EmergencyRecordError,
    decode_record,
)
from cards.emergency.sealing import (
    SEALED_BYTES_MAX,
    RecordNotForUsError,
    RecordNotGenuineError,
    RecordTooLongError,
    TerminalKeys,
    open_record,
    seal_record,
)
from cards.issuing.key_file import IssuingKeys
from cards.issuing.piv_personalisation import PivIssuer, PivRequest, personalise_piv
from cards.piv import PivCardApplication
from cards.processors import processor_for
from cards.trust import TrustAnchors
from firmware_sim.piv_card import PivCard
from tests.cards.simulated_reader import SimulatedReader

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ISSUER = IssuingKeys.create("Issuer", valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=1000))
ANCHORS = TrustAnchors((ISSUER.certificate,))
CURRENT, BEFORE, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
TERMINALS = (CURRENT.public_key(), BEFORE.public_key())
CARD_ID = "00112233445546778899aabbccddeeff"
RECORD = EmergencyRecord(
    card_id=CARD_ID,
    issued_at=NOW,
    full_name="Nguyễn Thị Minh Khai",
    birth_date=date(2019, 2, 28),
    blood_group="AB-",
    allergies=(
        CodedEntry("Penicillin G", "atc", "J01CE01", "severe"),
        CodedEntry("Đậu phộng (lạc)", "snomed-ct", "91935009", "moderate"),
    ),
    conditions=(CodedEntry("Hen phế quản", "icd-10", "J45.9"), CodedEntry("Động kinh", "icd-10", "G40.9")),
    medication=(CodedEntry("Natri valproat 200 mg, 2 lần/ngày", "atc", "N03AG01"),),
    guardian=Contact("Trần Văn Hưng", "cha", "+84 903 123 456"),
    contacts=(Contact("Lê Thị Hoa", "bà ngoại", "028 3829 5723"),),
    expires_at=NOW + timedelta(days=365),
)
SEALED = seal_record(RECORD, ISSUER, TERMINALS)


def opened(sealed: bytes, *keys: ec.EllipticCurvePrivateKey, card_id: str = CARD_ID) -> EmergencyRecord:
    return open_record(sealed, card_id, TerminalKeys.of(keys), ANCHORS)


def test_a_full_record_in_vietnamese_for_two_generations_of_terminals_fits_a_card() -> None:
    assert len(SEALED) <= SEALED_BYTES_MAX == 1024
    for key in (CURRENT, BEFORE):
        assert opened(SEALED, key) == RECORD


def test_a_terminal_without_the_key_learns_nothing_not_even_the_issuer() -> None:
    with pytest.raises(RecordNotForUsError, match="other terminals"):
        opened(SEALED, OTHER)
    with pytest.raises(RecordNotForUsError):
        open_record(SEALED, CARD_ID, TerminalKeys({}), ANCHORS)
    for secret in ("Nguyễn", "Penicillin", "J01CE01", CARD_ID):
        assert secret.encode() not in SEALED


def test_a_record_copied_to_another_card_is_refused() -> None:
    with pytest.raises(RecordNotGenuineError):
        opened(SEALED, CURRENT, card_id="f" * 32)
    # by who has the terminal's key, too: the signature is over the card id as well
    plain = encrypt.decrypt(SEALED, TerminalKeys.of([CURRENT]).by_id, b"medtap emergency record 1 " + CARD_ID.encode())
    recipient = encrypt.Recipient(next(iter(TerminalKeys.of([CURRENT]).by_id)), CURRENT.public_key())
    copied = encrypt.encrypt(plain, [recipient], b"medtap emergency record 1 " + b"f" * 32)
    with pytest.raises(RecordNotGenuineError, match="not of this key over this content"):
        opened(copied, CURRENT, card_id="f" * 32)


def test_a_record_of_an_issuer_that_is_not_trusted_is_refused() -> None:
    stranger = IssuingKeys.create("Issuer", valid_from=NOW, valid_until=NOW + timedelta(days=10))
    with pytest.raises(RecordNotGenuineError, match="not among the trust anchors"):
        opened(seal_record(RECORD, stranger, TERMINALS), CURRENT)


def test_a_record_that_is_too_long_says_by_how_much() -> None:
    long = replace(RECORD, contacts=tuple(Contact(f"Người liên hệ số {n} " * 4, "bạn", "0903") for n in range(8)))
    with pytest.raises(RecordTooLongError, match=r"bytes: \d+ more than a card takes"):
        seal_record(long, ISSUER, TERMINALS)


def test_the_least_record_is_a_name_and_a_birthday() -> None:
    least = EmergencyRecord(CARD_ID, NOW, "Bé trai của Lê Thị Hoa", date(2026, 11, 21))
    assert opened(seal_record(least, ISSUER, TERMINALS[:1]), CURRENT) == least


def test_it_is_read_from_the_card_it_was_written_to() -> None:
    card = PivCard.blank(b"\x04\x01\x02\x03\x04\x05\x06", random.Random(1))  # noqa: S311 - a seeded chip
    request = PivRequest(
        NOW,
        NOW + timedelta(days=365),
        "271828",
        lambda guid: seal_record(replace(RECORD, card_id=guid.hex()), ISSUER, TERMINALS),
    )
    done = personalise_piv(SimulatedReader(card), PivIssuer(ISSUER, ISSUER.piv_masters, 1), request, NOW)
    sealed = PivCardApplication.select(processor_for(SimulatedReader(card))).emergency_record()
    assert sealed is not None
    assert opened(sealed, CURRENT, card_id=done.guid.hex()).allergies == RECORD.allergies


texts = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
entries = st.one_of(
    st.builds(CodedEntry, texts, severity=st.sampled_from(SEVERITIES)),
    st.builds(CodedEntry, texts, st.sampled_from(CODE_SYSTEMS[1:]), st.from_regex("[A-Z][0-9]{1,6}", fullmatch=True)),
)
contacts = st.builds(Contact, texts, texts, st.from_regex(r"\+?[0-9]{3,12}", fullmatch=True))
records = st.builds(
    EmergencyRecord,
    st.just(CARD_ID),
    st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC)),  # noqa: DTZ001 - an offset follows
    texts,
    st.dates(date(1900, 1, 1)),
    st.sampled_from(["", *BLOOD_GROUPS]),
    st.lists(entries, max_size=3).map(tuple),
    st.lists(entries, max_size=3).map(tuple),
    st.lists(entries, max_size=3).map(tuple),
    st.none() | contacts,
    st.lists(contacts, max_size=3).map(tuple),
)


@settings(max_examples=40, deadline=None)
@given(records)
def test_every_record_comes_back_as_it_was(record: EmergencyRecord) -> None:
    assert decode_record(record.encode()) == record


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.integers(-5, 300) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.integers(-70001, 9), inner, max_size=4),
    ).map(encode)
)
def test_no_bytes_whatever_are_more_than_refused(data: bytes) -> None:
    with pytest.raises(CoseError):
        decode_record(data)
    with pytest.raises((RecordNotGenuineError, RecordNotForUsError)):
        opened(data, CURRENT)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("card_id", "0" * 31),
        ("card_id", CARD_ID.upper()),
        ("issued_at", NOW.replace(tzinfo=None)),
        ("issued_at", NOW.replace(microsecond=1)),
        ("full_name", ""),
        ("full_name", "a\nb"),
        ("full_name", "x" * 121),
        ("blood_group", "C+"),
        ("allergies", (CodedEntry("x"),) * 17),
    ],
)
def test_a_value_that_can_not_stand_on_a_card_is_refused(member: str, value: object) -> None:
    with pytest.raises(EmergencyRecordError):
        replace(RECORD, **{member: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "system", "code", "severity"),
    [
        ("", "", "", "mild"),
        ("x", "icd-9", "1", "mild"),
        ("x", "icd-10", "", "mild"),
        ("x", "", "J45", "mild"),
        ("x", "atc", "J 1", "mild"),
        ("x", "", "", "deadly"),
    ],
)
def test_an_entry_has_a_code_with_its_system_or_none(text: str, system: str, code: str, severity: str) -> None:
    with pytest.raises(EmergencyRecordError):
        CodedEntry(text, system, code, severity)  # type: ignore[arg-type]


@pytest.mark.parametrize("phone", ["", "12", "+", "call me", "0" * 30, "090\n3"])
def test_a_contact_can_be_called(phone: str) -> None:
    with pytest.raises(EmergencyRecordError, match="telephone number"):
        Contact("A", "mẹ", phone)


def test_a_record_is_for_someone_but_not_for_everyone() -> None:
    with pytest.raises(ValueError, match="0 recipients"):
        seal_record(RECORD, ISSUER, ())
    with pytest.raises(ValueError, match="5 recipients"):
        seal_record(RECORD, ISSUER, [CURRENT.public_key()] * 5)
