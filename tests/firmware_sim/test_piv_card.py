"""The PIV card's own words (NIST SP 800-73-4), its CA's certificates, and the forgers' cards."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import card_faults, piv_objects
from firmware_sim.card_ca import CardCa
from firmware_sim.piv_card import PivCard, personalise
from firmware_sim.piv_keys import FACTORY_MANAGEMENT_KEY

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
SELECT = "00a404000ba00000030800001000010000"
GET_CHUID = "00cb3fff055c035fc10200"
GET_CERTIFICATE = "00cb3fff0000055c035fc1010000"
HASH = bytes(range(32))
AUTHENTICATE = "0087119e267c248200 8120".replace(" ", "") + HASH.hex() + "00"


def world(seed: int = 5) -> tuple[CardCa, PivCard]:
    rng = random.Random(seed)  # noqa: S311 - a seeded world
    ca = CardCa(rng, valid_from=NOW, valid_until=NOW + timedelta(days=3650))
    return ca, personalise(ca, rng, now=NOW)


@pytest.fixture
def card() -> PivCard:
    return world()[1]


def ask(card: PivCard, command: str) -> str:
    return card.apdu(bytes.fromhex(command)).hex()


def signature_of(card: PivCard) -> bytes:
    answer = card.apdu(bytes.fromhex(AUTHENTICATE))
    assert answer[-2:] == b"\x90\x00"
    assert answer[0] == 0x7C
    assert answer[2] == 0x82
    assert answer[1] == len(answer) - 4
    return answer[4:-2]


def test_the_application_is_selected_by_its_full_or_shortened_name() -> None:
    for aid in ("a000000308000010000100", "a00000030800001000", "a000000308"):
        _, card = world()
        answer = ask(card, f"00a40400{len(aid) // 2:02x}{aid}00")
        assert answer.startswith("61")
        assert "4f06000010000100" + "79074f05a000000308" in answer
        assert answer.endswith("9000")


def test_the_card_holder_identifier_says_guid_and_expiry(card: PivCard) -> None:
    ask(card, SELECT)
    assert (
        ask(card, GET_CHUID)
        == ("533b" + "3019d4e739da739ced39ce739d836858210842108421c84210c3eb" + "3410" + card.guid.hex)
        + "3508"
        + b"20291121".hex()
        + "3e00fe009000"
    )


def test_the_fasc_n_of_a_non_federal_issuer_is_the_known_one() -> None:
    """The value in the default CHUID of well-known PIV tokens: agency, system and credential all nines."""
    assert piv_objects.fasc_n().hex() == "d4e739da739ced39ce739d836858210842108421c84210c3eb"
    with pytest.raises(ValueError, match="got credential number 1000000"):
        piv_objects.fasc_n(1_000_000)


def test_the_certificate_object_holds_the_certificate_uncompressed(card: PivCard) -> None:
    ask(card, SELECT)
    length = len(card.certificate_der)
    expected = f"5382{length + 9:04x}7082{length:04x}{card.certificate_der.hex()}710100fe009000"
    assert ask(card, GET_CERTIFICATE) == expected


def test_the_certificate_is_fetched_in_pieces_by_a_reader_of_short_apdus(card: PivCard) -> None:
    ask(card, SELECT)
    answer = card.apdu(bytes.fromhex("00cb3fff055c035fc10100"))
    assert answer[-2] == 0x61
    rest = card.apdu(bytes.fromhex("00c00000") + answer[-1:])
    assert card.certificate_der in answer[:-2] + rest[:-2]
    assert rest[-2:] == b"\x90\x00"


def test_the_key_in_slot_9e_proves_possession(card: PivCard) -> None:
    ask(card, SELECT)
    public_key = x509.load_der_x509_certificate(card.certificate_der).public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    public_key.verify(signature_of(card), HASH, ec.ECDSA(Prehashed(hashes.SHA256())))
    assert card.signatures == 1


def test_a_clone_shows_the_same_data_and_fails_the_proof(card: PivCard) -> None:
    forged = card_faults.clone(card, random.Random(99))  # noqa: S311 - a seeded world
    for command in (SELECT, GET_CHUID, GET_CERTIFICATE):
        assert ask(forged, command) == ask(card, command)
    assert forged.uid == card.uid
    public_key = x509.load_der_x509_certificate(card.certificate_der).public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    with pytest.raises(InvalidSignature):
        public_key.verify(signature_of(forged), HASH, ec.ECDSA(Prehashed(hashes.SHA256())))


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00a4040005a00000000100", "6a82"),  # another application
        ("00a4040004a000000300", "6a82"),  # shorter than the issuer's part of the name
        ("00a4000002 3f0000", "6a86"),
        ("00cb3fff055c035fc1ff00", "6a82"),  # no such object
        ("00cb3fff055c035fc10900", "6982"),  # printed information: PIN first
        ("00cb0000055c035fc10200", "6a86"),
        ("00cb3fff055d035fc10200", "6a80"),
        ("00cb3fff055c045fc10200", "6a80"),
        ("00cb3fff00", "6a80"),
        ("0087119a267c248200 8120" + HASH.hex() + "00", "6a86"),  # no key in slot 9A
        ("0087079e267c248200 8120" + HASH.hex() + "00", "6a86"),  # not an RSA key
        ("0087119e257c238200 811f" + HASH[1:].hex() + "00", "6a80"),  # not a SHA-256 hash
        ("0087119e247c228120" + HASH.hex() + "00", "6a80"),  # nothing asked for
        ("0087119e277c25820100 8120" + HASH.hex() + "00", "6a80"),  # a response instead of room for one
        ("0087119e0200 0000", "6a80"),
        ("00db3fff055c035fc10200", "6982"),  # writing needs the management key
        ("0047009e05ac0380011100", "6982"),
        ("00240080081234567812345678", "6a80"),  # the old PIN, and no new one
        ("00fffffff10c9b2000", "6700"),
        ("00ffffff030c9b00", "6982"),
        ("00ca000000", "6d00"),
        ("80cb3fff055c035fc10200", "6e00"),
        ("0020008000", "63c5"),  # five tries left
        ("00200081", "6a88"),
        ("00200180", "6a86"),
        ("0020008004 31323334", "6a80"),
    ],
)
def test_what_is_wrong_gets_the_standards_status_word(card: PivCard, command: str, sw: str) -> None:
    ask(card, SELECT)
    assert ask(card, command.replace(" ", "")) == sw


def test_an_unknown_application_leaves_the_selected_one(card: PivCard) -> None:
    ask(card, SELECT)
    assert ask(card, "00a4040005a00000000100") == "6a82"
    assert ask(card, GET_CHUID).endswith("9000")


def test_nothing_is_readable_before_selection_or_after_a_reset(card: PivCard) -> None:
    assert ask(card, GET_CHUID) == "6d00"
    ask(card, SELECT)
    card.reset()
    assert ask(card, AUTHENTICATE) == "6d00"


def test_the_pin_opens_what_it_protects_until_the_card_is_reset(card: PivCard) -> None:
    verify = "0020008008" + b"123456\xff\xff".hex()
    ask(card, SELECT)
    assert ask(card, verify) == "9000"
    assert ask(card, "00200080") == "9000"
    assert ask(card, "00cb3fff055c035fc10900") == "53009000"
    assert ask(card, "0020ff80") == "9000"
    assert ask(card, "00cb3fff055c035fc10900") == "6982"
    ask(card, verify)
    card.reset()
    ask(card, SELECT)
    assert ask(card, "00cb3fff055c035fc10900") == "6982"


def test_five_wrong_pins_block_the_card_for_good(card: PivCard) -> None:
    ask(card, SELECT)
    wrong, right = ("0020008008" + pin.hex() for pin in (b"000000\xff\xff", b"123456\xff\xff"))
    assert [ask(card, wrong) for _ in range(6)] == ["63c4", "63c3", "63c2", "63c1", "63c0", "6983"]
    card.reset()
    ask(card, SELECT)
    assert ask(card, right) == "6983"


def test_the_same_seed_makes_the_same_card_and_another_seed_another() -> None:
    (ca, card), (same_ca, same), (_, other) = world(5), world(5), world(6)
    assert ca.certificate_pem == same_ca.certificate_pem
    assert (card.guid, card.uid, card.certificate_der) == (same.guid, same.uid, same.certificate_der)
    assert card.guid != other.guid


def test_the_ca_issues_certificates_that_chain_to_it_and_name_the_card() -> None:
    ca, card = world()
    certificate = x509.load_der_x509_certificate(card.certificate_der)
    certificate.verify_directly_issued_by(ca.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"urn:uuid:{card.guid}"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert usage.critical
    assert [oid.dotted_string for oid in usage.value] == ["2.16.840.1.101.3.6.8"]
    assert certificate.not_valid_before_utc == NOW
    assert card.expires == date(2029, 11, 21)


@given(st.lists(st.binary(max_size=60), max_size=12))
def test_no_command_whatever_breaks_the_card(commands: list[bytes]) -> None:
    _, card = world()
    for command in commands:
        assert len(card.apdu(command)) >= 2
    card.reset()
    assert ask(card, SELECT).endswith("9000")


@given(st.binary(max_size=80))
def test_no_authentication_template_whatever_breaks_the_card(template: bytes) -> None:
    _, card = world()
    ask(card, SELECT)
    answer = card.apdu(bytes.fromhex("0087119e") + bytes([len(template)]) + template + b"\x00" if template else b"\x00")
    assert answer[-2:] in (b"\x6a\x80", b"\x67\x00", b"\x90\x00")


def test_wrong_answers_mute_and_garbled_cards_do_what_their_names_say(card: PivCard) -> None:
    wrong = card_faults.WrongAnswers(card, {0xCB: b"\x6f\x00"})
    assert (wrong.apdu(bytes.fromhex(SELECT)) or b"")[-2:] == b"\x90\x00"
    assert wrong.apdu(bytes.fromhex(GET_CHUID)) == b"\x6f\x00"
    mute = card_faults.MuteCard(card, good_commands=1)
    assert mute.apdu(bytes.fromhex(SELECT)) is not None
    assert mute.apdu(bytes.fromhex(GET_CHUID)) is None
    mute.reset()
    assert mute.apdu(bytes.fromhex(SELECT)) is not None
    garbled = card_faults.GarbledCard(card, random.Random(4))  # noqa: S311 - a seeded world
    good = card.apdu(bytes.fromhex(SELECT))
    assert sum(garbled.apdu(bytes.fromhex(SELECT)) != good for _ in range(50)) > 40


def test_a_uid_only_card_knows_no_application() -> None:
    assert card_faults.UidOnlyCard(b"\x08\x01\x02\x03").apdu(bytes.fromhex(SELECT)) == b"\x6a\x82"


def test_a_card_with_anothers_certificate_names_two_different_cards() -> None:
    (_, card), (_, other) = world(5), world(6)
    mixed = card_faults.foreign_certificate(card, other, random.Random(1))  # noqa: S311 - a seeded world
    ask(mixed, SELECT)
    assert card.guid.hex in ask(mixed, GET_CHUID)
    assert other.certificate_der.hex() in ask(mixed, GET_CERTIFICATE)


def blank_card() -> PivCard:
    card = PivCard.blank(b"\x04\x01\x02\x03\x04\x05\x06", random.Random(8))  # noqa: S311 - a seeded chip
    ask(card, SELECT)
    return card


def des(key: bytes, data: str, *, decrypt: bool = False) -> str:
    mode = Cipher(TripleDES(key), modes.ECB())  # noqa: S305 - one block
    context = mode.decryptor() if decrypt else mode.encryptor()
    return context.update(bytes.fromhex(data)).hex()


def as_administrator(card: PivCard) -> None:
    witness = ask(card, "0087039b047c02800000")
    assert witness.startswith("7c0a8008")
    proof = des(FACTORY_MANAGEMENT_KEY, witness[8:24], decrypt=True)
    answer = ask(card, f"0087039b167c148008{proof}8108000102030405060700")
    assert answer == f"7c0a8208{des(FACTORY_MANAGEMENT_KEY, '0001020304050607')}9000"


def test_a_blank_card_has_nothing_and_takes_nothing_without_its_management_key() -> None:
    card = blank_card()
    assert ask(card, GET_CHUID) == "6a82"
    assert ask(card, AUTHENTICATE) == "6a86"
    assert ask(card, "00db3fff095c035fc102530234ff") == "6982"
    assert ask(card, "0047009e05ac0380011100") == "6982"


def test_who_has_the_management_key_writes_and_makes_keys() -> None:
    card = blank_card()
    as_administrator(card)
    assert ask(card, "00db3fff095c035fc102530234ff") == "9000"
    assert ask(card, GET_CHUID) == "530234ff9000"
    answer = ask(card, "0047009e05ac0380011100")
    assert answer.startswith("7f4943864104")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(answer[10:-4]))
    point.verify(signature_of(card), HASH, ec.ECDSA(Prehashed(hashes.SHA256())))
    assert ask(card, "00db3fff075c035fc1025300") == "9000"
    assert ask(card, GET_CHUID) == "6a82"
    card.reset()
    ask(card, SELECT)
    assert ask(card, "00db3fff075c035fc1025300") == "6982"


def test_a_wrong_management_key_is_no_administrator() -> None:
    card = blank_card()
    ask(card, "0087039b047c02800000")
    assert ask(card, "0087039b167c14800800000000000000008108000102030405060700") == "6982"
    assert ask(card, "0087039b167c14800800000000000000008108000102030405060700") == "6a80"
    challenge = ask(card, "0087039b047c02810000")
    assert ask(card, f"0087039b0c7c0a8208{challenge[8:24]}00") == "6982"
    challenge = ask(card, "0087039b047c02810000")
    assert ask(card, f"0087039b0c7c0a8208{des(FACTORY_MANAGEMENT_KEY, challenge[8:24])}00") == "9000"


def test_the_management_key_is_replaced_by_an_aes_one() -> None:
    card = blank_card()
    new = bytes(range(32))
    as_administrator(card)
    assert ask(card, f"00ffffff220c9b1f{new[:31].hex()}") == "6a80"
    assert ask(card, f"00ffffff230c9b20{new.hex()}") == "9000"
    card.reset()
    ask(card, SELECT)
    assert ask(card, "0087039b047c02800000") == "6a86"
    assert ask(card, "00870c9b047c02800000").startswith("7c128010")


def test_a_pin_is_changed_by_itself_and_unblocked_by_the_puk() -> None:
    card = blank_card()
    pin, new, puk = (text.hex() for text in (b"123456\xff\xff", b"654321\xff\xff", b"12345678"))
    assert ask(card, f"0024008010{pin}{new}") == "9000"
    assert ask(card, f"0020008008{new}") == "9000"
    for _ in range(5):
        ask(card, f"0020008008{pin}")
    assert ask(card, "0020008000") == "6983"
    assert ask(card, f"002c008010{new}{pin}") == "63c4"  # that was no PUK
    assert ask(card, f"002c008010{puk}{pin}") == "9000"
    assert ask(card, f"0020008008{pin}") == "9000"
    assert ask(card, f"0024008110{puk}{'3837363534333231'}") == "9000"
    assert ask(card, f"002c008010{puk}{pin}") == "63c4"
    assert ask(card, f"002c008010{'3837363534333231'}{b'12345'.hex() + 'ffffff'}") == "6a80"  # five digits are no PIN


def test_keys_that_need_the_pin_do_not_sign_without_it() -> None:
    card = blank_card()
    as_administrator(card)
    assert ask(card, "0047009a05ac0380011100").startswith("7f49")
    asked = "0087119a267c2482008120" + HASH.hex() + "00"
    assert ask(card, asked) == "6982"
    ask(card, "0020008008" + b"123456\xff\xff".hex())
    assert ask(card, asked).startswith("7c")
