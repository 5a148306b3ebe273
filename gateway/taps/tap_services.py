"""What routes need of the taps' part: proofs of presence, and the keys of our NTAG 424 cards."""

from collections.abc import Callable
from dataclasses import dataclass

from cards.ntag424.address import AddressKeys
from gateway.taps.presence_token import PresenceTokens


@dataclass(frozen=True)
class TapServices:
    """Made once, by `gateway.taps.parts`."""

    tokens: PresenceTokens
    address_keys: Callable[[], AddressKeys | None]
    """Asked at each tap; None: no keys are configured."""
    public_phone: str = ""
    """The hospital's telephone number, for who opens a card's address."""
