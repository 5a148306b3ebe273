"""The one-method seam between this library and a reader."""

from typing import Protocol


class CardConnection(Protocol):
    """An open way to one card. Adapters (PC/SC, NFC ISO-DEP) live with the drivers; tests pass a simulated card."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU; return the response: data followed by SW1 SW2 (ISO/IEC 7816-4 section 5.1).

        Raises:
            CardGoneError (cards.errors): the card or its reader went away.
        """
        ...
