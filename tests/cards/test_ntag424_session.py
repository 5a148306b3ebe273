"""EV2 secure messaging byte for byte: the worked examples of NXP's application note AN12196, rev. 2.0."""

from dataclasses import dataclass, field

import pytest

from cards.apdu import CommandApdu, ResponseApdu
from cards.errors import CardDataError
from cards.ntag424.chip import Ntag424Chip
from cards.ntag424.file_settings import FileSettings, Sdm
from cards.ntag424.native import AuthenticationError
from cards.ntag424.session import SecureSession, padded, session_keys, unpadded
from tests.inventory.published_vectors import load_vectors

ZERO = bytes(16)


@dataclass
class Script:
    """Expects these commands and gives these answers."""

    exchanges: list[tuple[str, str]]
    done: list[str] = field(default_factory=list)

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """The next one."""
        expected, answer = self.exchanges[len(self.done)]
        self.done.append(command.encode().hex().upper())
        assert self.done[-1] == expected
        return ResponseApdu.decode(bytes.fromhex(answer))


def session(script: Script, ti: str, encryption: str, mac: str, counter: int = 0) -> SecureSession:
    keys = (bytes.fromhex(encryption), bytes.fromhex(mac))
    return SecureSession(script, 0, bytes.fromhex(ti), keys, counter=counter)


# table 14
FIRST_SESSION = ("9D00C4DF", "1309C877509E5A215007FF0ED19CA564", "4C6626F5E72EA694202139295C7A7FC7")
# table 19 (identifier) and table 23 (keys)
CHANGE_SESSION = ("7614281A", "4CF3CB41A22583A61E89B158D252FC53", "5529860B2FC5FB6154B7F28361D30BF9")
AUTHENTICATION = [
    ("9071000002000000", "A04C124213C186F22399D33AC2A3021591AF"),
    (
        "90AF00002035C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D00",
        "3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F081206639100",
    ),
]
RANDOM = bytes.fromhex("13C5DB8A5930439FC3DEF9A4C675360F")


def test_both_sides_prove_key_0_and_then_write_in_that_session() -> None:
    """AN12196, tables 14 and 17."""
    file = (
        "0051D1014D550463686F6F73652E75726C2E636F6D2F6E7461673432343F653D"
        "3030303030303030303030303030303030303030303030303030303030303030"
        "26633D3030303030303030303030303030303000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000000"
    )
    command = (
        "908D00009F02000000800000421C73A27D827658AF481FDFF20A5025B559D0E3AA21E58D347F343CFFC768BF"
        "E596C706BC00F2176781D4B0242642A0FF5A42C461AAF894D9A1284B8C76BCFA658ACD40555D362E08DB15CF"
        "421B51283F9064BCBE20E96CAE545B407C9D651A3315B27373772E5DA2367D2064AE054AF996C6F1F669170F"
        "A88CE8C4E3A4A7BBBEF0FD971FF532C3A802AF745660F2B4D1D9A8499661EBF300"
    )
    script = Script([*AUTHENTICATION, (command, "FC222E5F7A5424529100")])
    opened = SecureSession.authenticate(script, 0, ZERO, lambda _size: RANDOM)
    # the example's length field says 128 bytes, those of the encrypted data
    assert opened.full(0x8D, bytes.fromhex("02000000800000"), "WriteData", bytes.fromhex(file)) == b""
    assert len(script.done) == len(script.exchanges)
    assert session_keys(ZERO, RANDOM, bytes.fromhex("B9E2FC789B64BF237CCCAA20EC7E6E48")) == (
        bytes.fromhex(FIRST_SESSION[1]),
        bytes.fromhex(FIRST_SESSION[2]),
    )


def test_a_card_that_does_not_answer_our_challenge_is_not_believed() -> None:
    script = Script([AUTHENTICATION[0], (AUTHENTICATION[1][0], "00" * 32 + "9100")])
    with pytest.raises(CardDataError, match="did not answer our challenge"):
        SecureSession.authenticate(script, 0, ZERO, lambda _size: RANDOM)


def test_another_key_is_an_authentication_error() -> None:
    script = Script([AUTHENTICATION[0], (AUTHENTICATION[1][0], "91AE")])
    with pytest.raises(AuthenticationError, match="91AE"):
        SecureSession.authenticate(script, 0, ZERO, lambda _size: RANDOM)


def test_file_settings_are_changed_as_in_table_18() -> None:
    settings = FileSettings(
        write=0, read_write=0, change=0, sdm=Sdm(2, 1, 1, picc_data_at=0x20, mac_input_at=0x43, mac_at=0x43)
    )
    assert settings.encode().hex().upper() == "4000E0C1F121200000430000430000"
    script = Script([("905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400", "57BFF87B1241E93D9100")])
    assert session(script, *FIRST_SESSION, counter=1).full(0x5F, b"\x02", "x", settings.encode()) == b""


@pytest.mark.parametrize("bit", range(0, 64, 7))
def test_an_answer_whose_mac_is_wrong_in_one_bit_is_refused(bit: int) -> None:
    mac = int("57BFF87B1241E93D", 16) ^ 1 << bit
    script = Script([("905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400", f"{mac:016X}9100")])
    with pytest.raises(CardDataError, match="MAC is not of this session"):
        session(script, *FIRST_SESSION, counter=1).full(
            0x5F, b"\x02", "x", bytes.fromhex("4000E0C1F121200000430000430000")
        )


def test_another_key_than_the_sessions_is_changed_as_in_table_25() -> None:
    new = bytes.fromhex("F3847D627727ED3BC9C4CC050489B966")
    command = "90C4000029022CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC75D0CE20BCD1D06E600"
    chip = Ntag424Chip(Script([(command, "91AE")]))
    chip._session = session(chip._processor, *CHANGE_SESSION, counter=2)  # type: ignore[arg-type] # noqa: SLF001
    with pytest.raises(AuthenticationError):  # the command is the example's; its answer does not matter here
        chip.change_key(2, ZERO, new, 1)


def test_a_command_with_a_mac_alone_is_that_of_section_5_3() -> None:
    settings = "0040EEEE000100D1FE001F00004400004400002000006A0000"
    script = Script([("90F5000009026597A457C8CD442C00", settings + "2A474282E7A479869100")])
    opened = session(script, "7A21085E", ZERO.hex(), "8248134A386E86EB7FAF54A52E536CB6")
    assert opened.maced(0xF5, b"\x02", "GetFileSettings").hex().upper() == settings


def test_an_encrypted_answer_is_that_of_table_28() -> None:
    script = Script([("90510000088E2C155ADDA99BE300", "70756055688505B52A5E26E59E329CD6595F672298EA41B79100")])
    opened = session(script, "DF055522", "2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764")
    assert opened.full(0x51, b"", "GetCardUID").hex().upper() == "04958CAA5C5E80"


def test_data_are_written_encrypted_as_in_section_5_12() -> None:
    command = "908D00001F030000000A00006B5E6804909962FC4E3FF5522CF0F8436C0C53315B9C73AA00"
    script = Script([(command, "C26D236E4A7C046D9100")])
    opened = session(script, "7614281A", "7A93D6571E4B180FCA6AC90C9A7488D4", "FC4AF159B62E549B5812394CAB1918CC")
    header, data = bytes.fromhex("030000000A0000"), bytes.fromhex("0102030405060708090A")
    assert opened.full(0x8D, header, "WriteData", data) == b""


def test_padding_always_adds_something_and_comes_off_again() -> None:
    for size in range(40):
        data = bytes(range(size))
        assert len(padded(data)) % 16 == 0
        assert len(padded(data)) > size
        assert unpadded(padded(data)) == data
    for wrong in (b"", bytes(16), b"\x01" * 16, b"\x80" + bytes(16)):
        with pytest.raises(CardDataError, match="expected padding"):
            unpadded(wrong)


def test_published_session_keys() -> None:
    for vector in load_vectors("smartcard"):
        if vector["kind"] != "ev2_auth":
            continue
        value = {name: bytes.fromhex(vector[name]) for name in ("key", "rnd_a", "rnd_b")}
        assert [each.hex().upper() for each in session_keys(value["key"], value["rnd_a"], value["rnd_b"])] == [
            vector["expected"]["ks_auth_enc"],
            vector["expected"]["ks_auth_mac"],
        ]
        script = Script(
            [("9071000002000000", vector["part1_response"]), (vector["part2_command"], vector["part2_response"])]
        )
        SecureSession.authenticate(script, 0, value["key"], lambda _size, a=value["rnd_a"]: a)  # type: ignore[misc]
