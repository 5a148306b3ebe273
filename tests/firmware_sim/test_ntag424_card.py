"""The NTAG 424 DNA's own words: NXP's examples, access rules, and what it refuses (NT4H2421Gx, rev. 3.0)."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import ntag424_crypto as crypto
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.ntag424_faults import replaying_tag

UID = bytes.fromhex("04958CAA5C5E80")
SELECT = "00a4040007d276000085010100"
ZERO = bytes(16)
# AN12196, section 5.9: UID and counter encrypted with key 2, MAC with key 1
SDM_SETTINGS = "4000e0c1f121200000430000430000"
FILE = "0051d1014d550463686f6f73652e75726c2e636f6d2f6e7461673432343f653d" + "30" * 32 + "26633d" + "30" * 16


class FixedRandom(random.Random):
    """Gives these bytes, then seeded ones."""

    def __init__(self, first: bytes) -> None:
        super().__init__(1)
        self._first = first

    def randbytes(self, n: int) -> bytes:
        """The next ones."""
        given, self._first = self._first[:n], self._first[n:]
        return given if len(given) == n else super().randbytes(n)


@pytest.fixture
def card() -> Ntag424Card:
    fresh = Ntag424Card(UID, random.Random(11))  # noqa: S311 - a seeded chip
    ask(fresh, SELECT)
    return fresh


def ask(card: Ntag424Card, command: str) -> str:
    return card.apdu(bytes.fromhex(command.replace(" ", ""))).hex()


def authenticate(card: Ntag424Card, number: int = 0, key: bytes = ZERO) -> crypto.Session:
    challenge = bytes.fromhex(ask(card, f"9071000002 {number:02x} 00 00"))
    assert challenge[-2:] == b"\x91\xaf"
    theirs, ours = crypto.cipher(key, challenge[:-2], decrypt=True), bytes(range(16))
    proof = crypto.cipher(key, ours + crypto.rotated(theirs))
    answer = bytes.fromhex(ask(card, f"90af000020 {proof.hex()} 00"))
    assert answer[-2:] == b"\x91\x00"
    plain = crypto.cipher(key, answer[:-2], decrypt=True)
    assert plain[4:20] == crypto.rotated(ours)
    return crypto.Session.between(number, key, plain[:4], ours, theirs)


def full(card: Ntag424Card, session: crypto.Session, ins: int, header: str, data: str) -> str:
    iv = crypto.cipher(
        session.encryption_key, b"\xa5\x5a" + session.identifier + session.counter.to_bytes(2, "little") + bytes(8)
    )
    body = bytes.fromhex(header) + crypto.cipher(session.encryption_key, crypto.padded(bytes.fromhex(data)), iv)
    body += session.mac_of(ins, body, session.counter)
    session.counter += 1
    return ask(card, f"90{ins:02x}0000{len(body):02x}{body.hex()}00")


def with_sdm(card: Ntag424Card) -> None:
    ask(card, "00a4000c02e104")
    assert ask(card, f"00d60000{len(FILE) // 2:02x}{FILE}") == "9000"
    assert full(card, authenticate(card), 0x5F, "02", SDM_SETTINGS).endswith("9100")
    ask(card, SELECT)


def address(card: Ntag424Card) -> str:
    ask(card, "00a4000c02e104")
    answer = bytes.fromhex(ask(card, "00b0000000"))
    return answer[: 2 + answer[1]].decode("latin-1")[7:]


def test_the_authentication_of_nxps_example() -> None:
    """AN12196, table 14: with its random numbers the card says what the document says."""
    chosen = FixedRandom(bytes.fromhex("B9E2FC789B64BF237CCCAA20EC7E6E48" + "9D00C4DF"))
    card = Ntag424Card(UID, chosen)
    ask(card, SELECT)
    assert ask(card, "9071000002000000") == "a04c124213c186f22399d33ac2a3021591af"
    assert (
        ask(card, "90AF00002035C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D00")
        == "3fa64db5446d1f34cd6ea311167f5e4985b89690c04a05f17fa7ab2f081206639100"
    )


def test_as_delivered_anyone_reads_and_writes_the_message_and_nobody_the_protected_file(card: Ntag424Card) -> None:
    assert ask(card, "90f50000010200") == "0000e0ee0001009100"
    assert ask(card, "90f50000010300") == "000330238000009100"
    assert ask(card, "00a4000c02e104") == "9000"
    assert ask(card, "00d6000003 0001d0") == "9000"
    assert ask(card, "00b0000003") == "0001d09000"
    assert ask(card, "00a4000c02e105") == "9000"
    assert ask(card, "00b0000001") == "6982"
    assert ask(card, "90ad000007 03000000000000 00") == "91ae"


def test_the_address_changes_at_every_selection_and_stays_while_it_is_read(card: Ntag424Card) -> None:
    with_sdm(card)
    ask(card, "00a4000c02e104")
    parts = [ask(card, "00b0000040"), ask(card, "00b0004040"), ask(card, "00b0000040")]
    assert parts[0] == parts[2]
    assert parts[0][-4:] == parts[1][-4:] == "9000"
    first, second = address(card), address(card)
    assert first != second
    assert card.files[2].counter == 3


def test_the_mirrored_values_are_those_of_the_cards_keys(card: Ntag424Card) -> None:
    with_sdm(card)
    text = address(card)
    assert text.startswith("choose.url.com/ntag424?e=")
    plain = crypto.cipher(ZERO, bytes.fromhex(text[25:57]), decrypt=True)
    assert plain[:11] == b"\xc7" + UID + b"\x01\x00\x00"
    _, proof = crypto.sdm_keys(ZERO, UID, b"\x01\x00\x00")
    assert text[57:] == "&c=" + crypto.short_mac(proof, b"").hex().upper()


def test_someone_authenticated_sees_what_is_stored(card: Ntag424Card) -> None:
    with_sdm(card)
    authenticate(card)
    assert bytes.fromhex(ask(card, "90ad000007 02000000530000 00")).hex() == FILE + "9100"
    assert card.files[2].counter == 0


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("9060000000", "04040230001105" + "91af"),
        ("90af000000", "91ca"),
        ("9071000002 05 00 00", "9140"),
        ("9071000001 00 00", "917e"),
        ("9077000001 00 00", "919d"),
        ("9051000000", "91ae"),  # the true UID only in a session
        ("905f000004 02 00e0ee 00", "919d"),
        ("90c4000001 00 00", "91ae"),
        ("90f5000001 07 00", "91f0"),
        ("9064000001 05 00", "9140"),
        ("9064000001 00 00", "00" + "9100"),
        ("908d000008 02 000100 010000 ff 00", "91be"),
        ("908d000008 02 000000 020000 ff 00", "917e"),
        ("90ad000007 02 000000 010100 00", "91be"),
        ("90ee000000", "911c"),
        ("80b0000000", "6e00"),
        ("00b0000000", "6986"),  # no file selected
        ("00ca000000", "6d00"),
        ("00a4000c02e1ff", "6a82"),
        ("00a4040007d276000085010200", "6a82"),
    ],
)
def test_what_is_wrong_gets_the_data_sheets_status_word(card: Ntag424Card, command: str, sw: str) -> None:
    assert ask(card, command) == sw


def test_a_session_ends_with_the_first_wrong_mac(card: Ntag424Card) -> None:
    session = authenticate(card)
    assert ask(card, "9051000008 0000000000000000 00") == "911e"
    session.counter = 0
    assert full(card, session, 0x5F, "02", "00e0ee") == "919d"


def test_keys_change_with_key_0_alone_and_only_for_who_knows_the_old_one(card: Ntag424Card) -> None:
    new = bytes(range(16))
    data = new.hex() + "01" + crypto.crc32(new).hex()
    assert full(card, authenticate(card, 3), 0xC4, "01", data) == "91ae"
    wrong_old = bytes(each ^ 1 for each in new).hex() + "01" + crypto.crc32(new).hex()
    assert full(card, authenticate(card), 0xC4, "01", wrong_old) == "911e"
    assert full(card, authenticate(card), 0xC4, "01", data).endswith("9100")
    assert (card.keys[1], card.key_versions[1]) == (new, 1)
    assert full(card, authenticate(card), 0xC4, "00", new.hex() + "01") == "9100"  # no MAC: its key is gone
    assert ask(card, "9051000008 0000000000000000 00") == "91ae"
    authenticate(card, 0, new)


@pytest.mark.parametrize(
    "wrong",
    [
        "4000e0c1f121 f00000 430000 430000",  # beyond the file
        "4000e0c1f121 200000 430000 300000",  # the MAC in the middle of PICCData
        "4000e0c1f121 200000 500000 430000",  # the MAC's input begins behind it
        "4000e0c1f121 200000 430000",
        "4000e0c0f121 200000 430000 430000",  # not ASCII
        "4000e0c1f161 200000 430000 430000",  # key 6
        "02e0ee",
        "00e0ee00",
    ],
)
def test_settings_that_contradict_themselves_are_refused(card: Ntag424Card, wrong: str) -> None:
    assert full(card, authenticate(card), 0x5F, "02", wrong.replace(" ", "")) == "919e"


def test_the_file_is_closed_to_writing_by_its_settings(card: Ntag424Card) -> None:
    with_sdm(card)
    ask(card, "00a4000c02e104")
    assert ask(card, "00d600000100") == "6982"


def test_many_wrong_keys_make_the_card_slow(card: Ntag424Card) -> None:
    answers = set()
    for _ in range(51):
        ask(card, "9071000002000000")
        answers.add(ask(card, f"90af000020{'00' * 32}00"))
    assert answers == {"91ae", "91ca"}
    assert ask(card, "9071000002000000")[-4:] in ("91ad", "91af")


def test_a_forgers_tag_repeats_itself(card: Ntag424Card) -> None:
    with pytest.raises(ValueError, match="no message to copy"):
        replaying_tag(card)
    ask(card, SELECT)
    with_sdm(card)
    copy = replaying_tag(card)
    read = [copy.apdu(bytes.fromhex(each)) for each in (SELECT, "00a4000c02e104", "00b0000053", "00b0000053")]
    assert read[2] == read[3]
    assert b"choose.url.com/ntag424?e=" in read[2]


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=40) | st.binary(max_size=30).map(lambda tail: b"\x90" + tail), max_size=12))
def test_no_command_whatever_breaks_the_chip(commands: list[bytes]) -> None:
    fresh = Ntag424Card(UID, random.Random(2))  # noqa: S311 - a seeded chip
    for command in commands:
        assert len(fresh.apdu(command)) >= 2
    fresh.reset()
    assert ask(fresh, SELECT) == "9000"
