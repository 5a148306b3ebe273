"""Way to the card on one PC/SC reader: connect, hold against other programs, transmit, disconnect."""

import time
from types import TracebackType
from typing import Any, Final, Self

from cards.errors import CardError, CardGoneError
from edge.drivers.pcsc_library import describe

GET_UID: Final = bytes.fromhex("FFCA000000")
"""Answered by the reader, not by the card (PC/SC part 3, 3.2.2.1.3)."""
UID_BYTES_MAX: Final = 10
"""Triple-size UID (ISO/IEC 14443-3, 6.5.4)."""
BUSY_S: Final = 2.0
"""How long another program may hold the card before we give up, in seconds."""
_BUSY_POLL_S: Final = 0.05
_SW_BYTES: Final = 2


class PcscConnection:
    """CardConnection over one reader, for the length of a `with` block, held by a transaction.

    It has a context of its own: libpcsclite lets only one thread at a time into one.
    """

    def __init__(self, scard: Any, reader: str) -> None:  # noqa: ANN401 - pyscard ships no types
        """Nothing is opened yet."""
        self._scard = scard
        self._reader = reader
        self._context: Any = None
        self._card: Any = None
        self._protocol = 0

    def __enter__(self) -> Self:
        """Connect to the card and keep other programs from talking in between.

        Raises:
            CardGoneError: no card there any more, or no reader, or no pcscd.
            CardError: the card does not answer to reset, or another program holds it.
        """
        result, context = self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_USER)
        if result != self._scard.SCARD_S_SUCCESS:
            raise CardGoneError(f"no pcscd: {describe(self._scard, result)}")
        self._context = context
        try:
            self._connect()
            self._begin()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the card; it stays powered."""
        if self._card is not None:
            self._scard.SCardEndTransaction(self._card, self._scard.SCARD_LEAVE_CARD)
        self._close()

    def transmit(self, command: bytes) -> bytes:
        """One APDU. Blocks as long as the card is silent: PC/SC has no time limit of its own.

        Raises:
            CardGoneError: the card or its reader went away, or the exchange failed.
        """
        result, answer = self._scard.SCardTransmit(self._card, self._protocol, list(command))
        # A card pulled in the middle is also reported as success with nothing in it.
        if result != self._scard.SCARD_S_SUCCESS or len(answer) < _SW_BYTES:
            raise CardGoneError(f"{self._reader}: no answer: {describe(self._scard, result)}")
        return bytes(byte & 0xFF for byte in answer)

    def uid(self) -> bytes:
        """The card's UID; empty where the reader gives none (a contact reader).

        Raises:
            CardGoneError: as `transmit`.
        """
        answer = self.transmit(GET_UID)
        uid, sw = answer[:-_SW_BYTES], answer[-_SW_BYTES:]
        return uid if sw == b"\x90\x00" and 0 < len(uid) <= UID_BYTES_MAX else b""

    def _connect(self) -> None:
        scard = self._scard
        deadline = time.monotonic() + BUSY_S
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        while True:
            result, card, protocol = scard.SCardConnect(
                self._context, self._reader, scard.SCARD_SHARE_SHARED, protocols
            )
            if result == scard.SCARD_S_SUCCESS:
                self._card = card
                self._protocol = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
                return
            if result != scard.SCARD_E_SHARING_VIOLATION or time.monotonic() > deadline:
                raise self._failure(result)
            time.sleep(_BUSY_POLL_S)

    def _begin(self) -> None:
        result = self._scard.SCardBeginTransaction(self._card)
        if result != self._scard.SCARD_S_SUCCESS:
            raise self._failure(result)

    def _failure(self, result: int) -> CardError:
        scard = self._scard
        text = f"{self._reader}: {describe(scard, result)}"
        if result == scard.SCARD_E_SHARING_VIOLATION:
            return CardError(f"{text}; another program holds the card: end it, or give it another reader")
        if result in (
            scard.SCARD_W_UNRESPONSIVE_CARD,
            scard.SCARD_W_UNPOWERED_CARD,
            scard.SCARD_W_UNSUPPORTED_CARD,
            scard.SCARD_E_PROTO_MISMATCH,
        ):
            return CardError(f"{text}; the card does not answer to reset: is it the right way round?")
        return CardGoneError(text)

    def _close(self) -> None:
        if self._card is not None:
            self._scard.SCardDisconnect(self._card, self._scard.SCARD_LEAVE_CARD)
            self._card = None
        if self._context is not None:
            self._scard.SCardReleaseContext(self._context)
            self._context = None
