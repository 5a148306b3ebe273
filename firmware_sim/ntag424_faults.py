"""What a forger makes of an NTAG 424 DNA: a tag that says again and again what the card said once."""

from firmware_sim.ndef_application import NdefApplication
from firmware_sim.ntag424_card import Ntag424Card

_SELECT_APPLICATION = bytes.fromhex("00a4040007d276000085010100")
_SELECT_FILE = bytes.fromhex("00a4000c02e104")
_READ = bytes.fromhex("00b0000000")


def replaying_tag(card: Ntag424Card) -> NdefApplication:
    """A tag with the UID of `card` and a copy of the message that it shows at this one reading.

    Raises:
        ValueError: the card shows none.
    """
    card.reset()
    for command in (_SELECT_APPLICATION, _SELECT_FILE):
        card.apdu(command)
    answer = card.apdu(_READ)
    length = int.from_bytes(answer[:2], "big")
    if answer[-2:] != b"\x90\x00" or not 0 < length <= len(answer) - 4:
        raise ValueError(f"card {card.uid.hex()}: read {answer[-2:].hex()}, no message to copy")
    card.reset()
    return NdefApplication(card.uid, answer[2 : 2 + length])
