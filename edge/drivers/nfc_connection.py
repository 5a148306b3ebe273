"""Way to a card over ISO-DEP (ISO/IEC 14443-4), as nfcpy speaks it."""

from typing import Any, Final

from cards.errors import CardDataError, CardGoneError
from edge.drivers.driver import DeviceLostError

ANSWER_BYTES_MAX: Final = 65_538
"""Longest answer of ISO/IEC 7816-4, status word included."""


class NfcConnection:
    """CardConnection over an activated Type 4 tag of nfcpy."""

    def __init__(self, tag: Any) -> None:  # noqa: ANN401 - nfcpy ships no types
        """`tag`: nfc.tag.tt4.Type4Tag."""
        self._tag = tag

    def transmit(self, command: bytes) -> bytes:
        """One APDU. nfcpy does the block protocol: chaining both ways, waiting time extension, repeats.

        Raises:
            CardGoneError: no answer, or the block protocol failed: the card left, or is only half in the field.
            DeviceLostError: the reader itself failed.
        """
        try:
            answer = bytes(self._tag.transceive(bytearray(command)))
        except (DeviceLostError, CardGoneError):
            raise
        except Exception as error:
            # nfcpy: Type4TagCommandError and CommunicationError where the card fell silent; IndexError and TypeError
            # where an empty or cut block was taken for a whole one.
            raise CardGoneError(f"no answer over ISO-DEP: {type(error).__name__}: {error}") from error
        if len(answer) > ANSWER_BYTES_MAX:
            raise CardDataError(f"answer of {len(answer)} bytes: expected at most {ANSWER_BYTES_MAX}")
        return answer
