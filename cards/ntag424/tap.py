"""The verdict on a tap of an NTAG 424 DNA: the same words as of a PIV card, at the edge node and again at the gateway.

A reason that is not empty begins with a code of `cards.ntag424.sun`, or with one of these:

    unverified
      no_keys        this place has no keys to judge with
    not_genuine
      uid_mismatch   the reader met another chip than the one that made the address: a copy, shown by a telephone
"""

from dataclasses import dataclass

from cards.ntag424.address import AddressKeys, judge_address
from cards.ntag424.counters import TapCounters
from cards.verification import Judgement


@dataclass(frozen=True)
class AddressTap:
    """What was found."""

    judgement: Judgement
    card_id: str
    """The chip's UID, 14 hexadecimal digits; empty where the MAC was not right."""
    value: int = 0
    """Key version and counter as one number; 0 where the address is not valid."""


def judge_address_tap(
    address: str, keys: AddressKeys | None, counters: TapCounters | None, reader_uid: bytes = b""
) -> AddressTap:
    """Judge an address that a reader read from a card; whatever it says ends in a verdict.

    `reader_uid`: what the chip said at anticollision. Our cards keep their own UID there (7 bytes), so another one
    shows that something else than the chip spoke. It is asked before the counter is moved: a copy burns no tap.
    """
    if keys is None or not keys.versions:
        return AddressTap(Judgement("unverified", "no_keys: to be judged by the gateway"), "")
    found = judge_address(address, keys)
    uid = found.sun.uid
    if found.sun.valid and uid is not None and reader_uid and reader_uid != uid:
        reason = f"uid_mismatch: the reader met chip {reader_uid.hex()}, the address is of {uid.hex()}"
        return AddressTap(Judgement("not_genuine", reason), uid.hex())
    if found.sun.valid and counters is not None:
        found = judge_address(address, keys, counters)
    if not found.sun.valid:
        return AddressTap(Judgement("not_genuine", found.sun.reason), "" if uid is None else uid.hex())
    return AddressTap(Judgement("genuine", ""), found.card_uid, found.value)
