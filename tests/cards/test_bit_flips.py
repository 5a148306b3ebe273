"""Ten thousand bits flipped in what is stored, signed and sent: none of it is accepted.

Each single bit of each message, and more at a time by a seed; keys and signatures are drawn anew in each run.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cards.apdu import CommandApdu, ResponseApdu
from cards.emergency.record import CodedEntry, EmergencyRecord
from cards.emergency.sealing import RecordNotForUsError, RecordNotGenuineError, TerminalKeys, open_record, seal_record
from cards.errors import CardError
from cards.issuing.card_ca import issue_certificate
from cards.issuing.key_file import IssuingKeys
from cards.ntag424.address import judge_address
from cards.ntag424.keys import KeyMasters
from cards.ntag424.ndef_address import read_address
from cards.ntag424.personalisation import personalise
from cards.ntag424.session import SecureSession
from cards.trust import TrustAnchors
from cards.verification import judge
from firmware_sim.ntag424_card import Ntag424Card
from tests.cards.simulated_reader import SimulatedReader

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
KEYS = IssuingKeys.create("Test card CA", valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=900))
ANCHORS = TrustAnchors((KEYS.certificate,))
GUID = bytes(range(16))
CARD_KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = issue_certificate(
    KEYS, GUID, CARD_KEY.public_key(), valid_from=NOW, valid_until=NOW + timedelta(days=365)
)
CHALLENGE = bytes(range(32))
SIGNATURE = CARD_KEY.sign(CHALLENGE, ec.ECDSA(hashes.SHA256()))
TERMINAL = ec.generate_private_key(ec.SECP256R1())
RECORD = EmergencyRecord(
    GUID.hex(), NOW, "Nguyễn Văn An", date(2020, 1, 1), "O+", (CodedEntry("Penicillin", "atc", "J01CE01", "severe"),)
)
MASTERS = KeyMasters({1: bytes(range(16))}, current=1)
BASE = "https://the.hospital.example/t"

SHOWN = CHALLENGE + GUID + SIGNATURE
SEALED = seal_record(RECORD, KEYS, [TERMINAL.public_key()])
# NXP AN12196, table 28: the UID, encrypted, with MAC and status word
ANSWER = bytes.fromhex("70756055688505B52A5E26E59E329CD6595F672298EA41B79100")
SEVERAL = 700
"""Copies of each with two or three bits flipped, beside those with each single one."""


def _address() -> bytes:
    card = Ntag424Card(b"\x04\xa1\xb2\xc3\xd4\xe5\x80", random.Random(5))  # noqa: S311 - a seeded chip
    personalise(SimulatedReader(card), MASTERS, BASE)
    return read_address(SimulatedReader(card)).encode()


ADDRESS = _address()


def flipped(whole: bytes) -> Iterator[bytes]:
    """Each single bit, and then two or three at a time."""
    rng = random.Random(len(whole))  # noqa: S311 - seeded on purpose
    singles = [[bit] for bit in range(8 * len(whole))]
    for bits in [*singles, *(rng.sample(range(8 * len(whole)), rng.choice((2, 3))) for _ in range(SEVERAL))]:
        changed = bytearray(whole)
        for bit in bits:
            changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def accepted(whole: bytes, accepts: Callable[[bytes], bool]) -> list[bytes]:
    """What of it was accepted; the original has to be."""
    assert accepts(whole)
    return [copy for copy in flipped(whole) if accepts(copy)]


def test_there_are_ten_thousand() -> None:
    assert sum(len(list(flipped(whole))) for whole in (CERTIFICATE, SHOWN, SEALED, ADDRESS, ANSWER)) > 10_000


@pytest.mark.filterwarnings("ignore")  # the library warns of odd values in a certificate before it is refused
def test_no_flipped_certificate_makes_a_genuine_card() -> None:
    def accepts(der: bytes) -> bool:
        return judge(der, CHALLENGE, SIGNATURE, GUID.hex(), ANCHORS, NOW).verdict == "genuine"

    assert accepted(CERTIFICATE, accepts) == []


def test_no_flipped_signature_challenge_or_number_makes_a_genuine_card() -> None:
    def accepts(shown: bytes) -> bool:
        challenge, card_id, signature = shown[:32], shown[32:48].hex(), shown[48:]
        return judge(CERTIFICATE, challenge, signature, card_id, ANCHORS, NOW).verdict == "genuine"

    assert accepted(SHOWN, accepts) == []


def test_no_flipped_emergency_record_is_shown() -> None:
    keys = TerminalKeys.of([TERMINAL])

    def accepts(copy: bytes) -> bool:
        try:
            open_record(copy, GUID.hex(), keys, ANCHORS)
        except (RecordNotForUsError, RecordNotGenuineError):
            return False
        return True

    assert accepted(SEALED, accepts) == []


def test_no_flipped_address_is_a_tap() -> None:
    def accepts(copy: bytes) -> bool:
        return judge_address(copy.decode("latin-1"), MASTERS, base=BASE).sun.valid

    assert accepted(ADDRESS, accepts) == []


class Chip:
    """Answers with a MAC of the session that starts with these keys, or with what is said instead."""

    def __init__(self) -> None:
        self.answer = b""

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """The answer that is laid ready."""
        del command
        return ResponseApdu.decode(self.answer)


def test_no_flipped_answer_passes_for_the_cards() -> None:
    """The encrypted UID of NXP AN12196, table 28: an answer in full mode with its MAC and status word."""
    chip = Chip()

    def accepts(answer: bytes) -> bool:
        chip.answer = answer
        keys = (bytes.fromhex("2B4D963C014DC36F24F69A50A394F875"), bytes.fromhex("379D32130CE61705DD5FD8C36B95D764"))
        try:
            SecureSession(chip, 0, bytes.fromhex("DF055522"), keys).full(0x51, b"", "GetCardUID")
        except CardError:
            return False
        return True

    assert accepted(ANSWER, accepts) == []
