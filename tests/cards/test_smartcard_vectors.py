"""Published vectors of commands, TLV and status words."""

from typing import Any

import pytest

from cards.apdu import CommandApdu
from cards.errors import CardDataError
from cards.status_words import SUCCESS, meaning, refusal
from cards.tlv import Node, parse_tlvs, parse_tree
from tests.inventory.published_vectors import load_vectors, short_id


def test_published_commands() -> None:
    for vector in load_vectors("smartcard"):
        if vector["kind"] != "apdu":
            continue
        expected, raw = vector["expected"], bytes.fromhex(vector["hex"])
        command = CommandApdu.decode(raw)
        header = bytes.fromhex(expected["cla"] + expected["ins"] + expected["p1"] + expected["p2"])
        assert (bytes((command.cla, command.ins, command.p1, command.p2)), command.case) == (header, expected["case"])
        assert command.data.hex().upper() == expected.get("data", "")
        assert command.le == ((expected["le"] or 256) if "le" in expected else None)
        assert command.encode() == raw


def tree(nodes: tuple[Node, ...]) -> list[dict[str, Any]]:
    return [
        {"tag": f"{node.tag:X}", "value": tree(node.children)}
        if node.children
        else {"tag": f"{node.tag:X}", "value_hex": node.value.hex().upper()}
        for node in nodes
    ]


def test_published_tlv() -> None:
    for vector in load_vectors("smartcard"):
        if vector["kind"] == "ber_tlv":
            assert tree(parse_tree(bytes.fromhex(vector["hex"]))) == vector["expected"], short_id(vector)
        if vector["kind"] == "ber_tlv_bad":
            with pytest.raises(CardDataError):
                parse_tlvs(bytes.fromhex(vector["hex"]))


def test_published_status_words() -> None:
    for vector in load_vectors("smartcard"):
        if vector["kind"] != "status_word":
            continue
        sw = int(vector["sw"], 16)
        assert meaning(sw), short_id(vector)
        if vector["class"] == "normal":
            assert sw == SUCCESS or sw >> 8 == 0x61
        else:
            assert vector["sw"] in str(refusal(sw, "x"))


def test_what_of_the_published_vectors_binds_nothing_here() -> None:
    """No passport is read (ICAO 9303: access control, machine-readable zone), and nothing is decided on an ATR."""
    tested = {"apdu", "ber_tlv", "ber_tlv_bad", "status_word", "ev2_auth"}
    others = {each["kind"] for each in load_vectors("smartcard")} - tested
    assert {kind.split("_")[0] for kind in others} <= {"icao", "mrz", "atr"}
