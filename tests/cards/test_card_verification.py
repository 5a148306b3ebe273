"""Who is genuine, who is not, and that nothing a card says can do more than that."""

import gzip
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.errors import CardError, CardGoneError
from cards.piv import CERTIFICATE_BYTES_MAX
from cards.reading import CardReading, read_card
from cards.trust import TrustAnchorError, TrustAnchors
from cards.verification import OID_PIV_CARD_AUTHENTICATION, judge
from tests.cards.fake_piv import CHALLENGE, GUID, NOW, CardCa, FakePivCard, genuine_card, san

CA = CardCa()
KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = CA.issue(KEY.public_key())


def read(card: FakePivCard, anchors: TrustAnchors = CA.anchors, now: datetime = NOW) -> CardReading:
    return read_card(card, anchors, CHALLENGE, now)


def code(reading: CardReading) -> str:
    return reading.reason.partition(":")[0]


def test_a_card_of_the_hospital_proves_itself() -> None:
    reading = read(FakePivCard(CERTIFICATE, KEY))
    assert (reading.profile, reading.card_id, reading.verdict, reading.reason) == ("piv", GUID.hex(), "genuine", "")
    assert reading.evidence is not None
    assert reading.evidence.certificate_der == CERTIFICATE
    assert reading.evidence.challenge == CHALLENGE


def test_the_gateway_comes_to_the_same_verdict_from_the_evidence() -> None:
    evidence = read(FakePivCard(CERTIFICATE, KEY)).evidence
    assert evidence is not None
    proof = (evidence.certificate_der, evidence.challenge, evidence.signature)
    assert judge(*proof, GUID.hex(), CA.anchors, NOW).verdict == "genuine"
    assert judge(*proof, GUID.hex(), TrustAnchors(), NOW).code == "foreign_ca"
    assert judge(*proof, "ff" * 16, CA.anchors, NOW).code == "identity_mismatch"


def test_the_evidence_of_one_tap_is_no_proof_for_another() -> None:
    evidence = read(FakePivCard(CERTIFICATE, KEY)).evidence
    assert evidence is not None
    replayed = judge(CERTIFICATE, b"another challenge", evidence.signature, GUID.hex(), CA.anchors, NOW)
    assert (replayed.verdict, replayed.code) == ("not_genuine", "wrong_key")


def test_a_copy_with_another_key_is_not_genuine() -> None:
    reading = read(FakePivCard(CERTIFICATE, ec.generate_private_key(ec.SECP256R1())))
    assert (reading.verdict, code(reading), reading.card_id) == ("not_genuine", "wrong_key", GUID.hex())


def test_a_copy_without_a_key_is_not_genuine() -> None:
    reading = read(FakePivCard(CERTIFICATE, None))
    assert (reading.verdict, code(reading)) == ("not_genuine", "no_key")
    assert "SW=6A80" in reading.reason


def test_a_card_of_another_hospital_is_foreign() -> None:
    reading = read(genuine_card(CardCa("Card CA of another hospital")))
    assert (reading.verdict, code(reading)) == ("not_genuine", "foreign_ca")
    assert "Card CA of another hospital" in reading.reason


def test_a_ca_that_only_has_our_name_is_foreign() -> None:
    assert code(read(genuine_card(CardCa()))) == "foreign_ca"


def test_a_certificate_shown_under_another_card_id_is_a_mismatch() -> None:
    reading = read(FakePivCard(CERTIFICATE, KEY, guid=b"\x01" * 16))
    assert (reading.verdict, code(reading)) == ("not_genuine", "identity_mismatch")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW - timedelta(days=1, seconds=1), "certificate_not_yet_valid"),
        (NOW - timedelta(days=1), ""),
        (NOW + timedelta(days=365), ""),
        (NOW + timedelta(days=365, seconds=1), "certificate_expired"),
    ],
)
def test_both_ends_of_the_validity_belong_to_it(now: datetime, expected: str) -> None:
    assert code(read(FakePivCard(CERTIFICATE, KEY), now=now)) == expected


def test_no_card_is_valid_longer_than_its_ca() -> None:
    ca = CardCa(valid_until=NOW - timedelta(hours=1))
    assert "certificate_expired: the card CA's certificate" in read(genuine_card(ca), ca.anchors).reason


@pytest.mark.parametrize(
    "extensions",
    [
        ((x509.BasicConstraints(ca=True, path_length=None), True), (san(GUID), False)),
        ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False), (san(GUID), False)),
        (
            (x509.KeyUsage(False, False, True, False, False, False, False, False, False), True),  # noqa: FBT003 - bits
            (san(GUID), False),
        ),
        ((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True), (san(GUID), False)),
    ],
)
def test_a_certificate_for_something_else_does_not_make_a_card(
    extensions: tuple[tuple[x509.ExtensionType, bool], ...],
) -> None:
    card = FakePivCard(CA.issue(KEY.public_key(), extensions=extensions), KEY)
    assert code(read(card)) == "certificate_misused"


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        ((x509.SubjectAlternativeName([x509.DNSName("card.example")]), False),),
        ((x509.SubjectAlternativeName([*san(GUID), *san(b"\x02" * 16)]), False),),
    ],
)
def test_a_certificate_names_exactly_one_card(extensions: tuple[tuple[x509.ExtensionType, bool], ...]) -> None:
    usage = (x509.ExtendedKeyUsage([OID_PIV_CARD_AUTHENTICATION]), True)
    card = FakePivCard(CA.issue(KEY.public_key(), extensions=(usage, *extensions)), KEY)
    assert code(read(card)) == "identity_mismatch"


def test_a_key_on_another_curve_is_not_a_card_key() -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    assert code(read(FakePivCard(CA.issue(other.public_key()), KEY))) == "certificate_misused"


def test_a_compressed_certificate_is_unpacked() -> None:
    assert read(FakePivCard(gzip.compress(CERTIFICATE), KEY, cert_info=b"\x01")).verdict == "genuine"


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(gzip.compress(bytes(50_000_000))[:40_000], id="bomb"),
        pytest.param(gzip.compress(bytes(CERTIFICATE_BYTES_MAX + 1)), id="one byte too long"),
        pytest.param(gzip.compress(CERTIFICATE)[:-9], id="cut off"),
        pytest.param(b"not gzip", id="not gzip"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_compressed_certificate_that_is_a_bomb_or_broken_is_unreadable(packed: bytes) -> None:
    reading = read(FakePivCard(packed, KEY, cert_info=b"\x01"))
    assert (reading.verdict, code(reading)) == ("unverified", "unreadable")


def test_any_other_card_is_unverified_and_unknown() -> None:
    reading = read(FakePivCard(CERTIFICATE, KEY, spoil=lambda _number, _answer: b"\x6a\x82"))
    assert (reading.profile, reading.card_id, reading.verdict) == ("unknown", "", "unverified")
    assert reading.reason == (
        "other_card: SELECT PIV application: the card answered SW=6A82 (file or application not found)"
    )


def test_a_card_without_an_id_is_unreadable() -> None:
    reading = read(FakePivCard(CERTIFICATE, KEY, guid=bytes(16)))
    assert (reading.profile, reading.card_id, reading.verdict, code(reading)) == ("piv", "", "unverified", "unreadable")


@pytest.mark.parametrize("commands", range(6))
def test_a_card_taken_away_at_any_moment_is_gone_and_nothing_else(commands: int) -> None:
    card = FakePivCard(CERTIFICATE, KEY, gone_after=commands)
    whole = FakePivCard(CERTIFICATE, KEY)
    read(whole)
    if commands < len(whole.commands):
        with pytest.raises(CardGoneError):
            read(card)
    else:
        assert read(card).verdict == "genuine"


def test_a_caller_must_bring_a_fresh_challenge_and_an_aware_time() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        read_card(FakePivCard(CERTIFICATE, KEY), CA.anchors, b"short", NOW)
    with pytest.raises(ValueError, match="with an offset"):
        read_card(FakePivCard(CERTIFICATE, KEY), CA.anchors, CHALLENGE, NOW.replace(tzinfo=None))


@settings(max_examples=300, deadline=None)
@given(number=st.integers(0, 6), position=st.integers(0, 600), flip=st.integers(1, 255))
def test_a_card_with_one_byte_changed_is_never_genuine_under_another_name(
    number: int, position: int, flip: int
) -> None:
    """Whatever bit is flipped on the way: a verdict, and genuine only for what the CA did sign."""

    def spoil(at: int, answer: bytes) -> bytes:
        if at != number or position >= len(answer):
            return answer
        return answer[:position] + bytes((answer[position] ^ flip,)) + answer[position + 1 :]

    reading = read(FakePivCard(CERTIFICATE, KEY, spoil=spoil))
    if reading.verdict == "genuine":
        assert reading.card_id == GUID.hex()
        assert reading.evidence is not None
        assert reading.evidence.certificate_der == CERTIFICATE
    else:
        assert code(reading)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=80), st.binary(max_size=300).map(lambda b: b + b"\x90\x00")), min_size=1))
def test_a_lying_card_only_ever_gets_a_verdict_or_a_card_error(answers: list[bytes]) -> None:
    def spoil(number: int, _answer: bytes) -> bytes:
        return answers[number % len(answers)]

    try:
        reading = read(FakePivCard(CERTIFICATE, KEY, spoil=spoil))
    except CardError:
        return
    assert reading.verdict != "genuine"
    assert code(reading)


def test_a_certificate_has_one_form_only() -> None:
    """Its signature may not claim unused bits, which a DER reader lets it where the last bits are zero anyway."""
    certificate = CERTIFICATE
    while certificate[-1] & 1:
        certificate = CA.issue(KEY.public_key())
    assert read(FakePivCard(certificate, KEY)).verdict == "genuine"
    unused_bits = len(certificate) - len(x509.load_der_x509_certificate(certificate).signature) - 1
    changed = bytearray(certificate)
    assert changed[unused_bits] == 0
    changed[unused_bits] = 1
    assert "not of whole bytes" in read(FakePivCard(bytes(changed), KEY)).reason


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, len(CERTIFICATE) - 1), flip=st.integers(1, 255))
def test_a_certificate_with_one_byte_changed_is_never_genuine(position: int, flip: int) -> None:
    changed = bytearray(CERTIFICATE)
    changed[position] ^= flip
    assert read(FakePivCard(bytes(changed), KEY)).verdict != "genuine"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=80))
def test_judging_arbitrary_bytes_never_raises(certificate: bytes, signature: bytes) -> None:
    assert judge(certificate, CHALLENGE, signature, GUID.hex(), CA.anchors, NOW).verdict != "genuine"
    assert judge(CERTIFICATE, CHALLENGE, signature, GUID.hex(), CA.anchors, NOW).code == "wrong_key"


def test_the_card_signs_the_hash_of_the_challenge_and_nothing_that_it_chose() -> None:
    card = FakePivCard(CERTIFICATE, KEY)
    read(card)
    asked = [command for command in card.commands if command.ins == 0x87]
    assert [(command.p1, command.p2) for command in asked] == [(0x11, 0x9E)]
    assert asked[0].data.endswith(hashlib.sha256(CHALLENGE).digest())


def test_trust_anchors_come_from_pem_files_and_join() -> None:
    other = CardCa("Older card CA")
    both = TrustAnchors.from_pem(CA.pem + other.pem)
    assert both == TrustAnchors.joined((CA.anchors, other.anchors))
    assert read(genuine_card(other), both).verdict == "genuine"


def test_a_trust_anchor_that_is_no_ca_is_refused_by_name() -> None:
    leaf = x509.load_der_x509_certificate(CERTIFICATE).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(TrustAnchorError, match="expected a CA certificate"):
        TrustAnchors.from_pem(leaf)
    with pytest.raises(TrustAnchorError, match="expected PEM certificates"):
        TrustAnchors.from_pem(b"nothing")


def test_a_trust_anchor_with_another_kind_of_key_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = CA.certificate.subject
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=1))
    ca = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, None)
    with pytest.raises(TrustAnchorError, match="P-256 or P-384"):
        TrustAnchors.from_pem(ca.public_bytes(serialization.Encoding.PEM))


def test_a_reading_does_not_change() -> None:
    reading = read(FakePivCard(CERTIFICATE, KEY))
    assert replace(reading) == reading
    with pytest.raises(AttributeError):
        reading.verdict = "genuine"  # type: ignore[misc]
