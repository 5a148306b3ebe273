"""Driver `nfc_pn532`: a PN532 NFC reader on a serial line. Health cards (ISO-DEP) and tags with NDEF (Type 2 and 4)."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cards.errors import CardError, CardGoneError
from edge.card_trust import CardTrust
from edge.clock import Stamp
from edge.contracts.observations import CardPresented, NfcTagRead
from edge.drivers.card_taps import CardTaps, draw_challenge
from edge.drivers.driver import DeviceLostError, DeviceSession
from edge.drivers.ndef_records import NdefUnreadableError, decode_ndef
from edge.drivers.nfc_connection import NfcConnection
from edge.drivers.nfc_pn532_reader import Pn532Reader, open_pn532

READ_S: Final = 5.0
"""Longest that one attempt to read a card may take, in seconds. A slow PIV card signs in less than one."""
ATTEMPTS: Final = 3
"""A card on its way into the field often answers half: it is read again as long as it is still there."""
WATCHDOG_S: Final = 30.0
"""More than ATTEMPTS x READ_S and the slowest opening of a serial line (1.5 s on a Raspberry Pi)."""

_CAPABILITY_MAGIC: Final = 0xE1
"""Type 2 capability container, byte 0: NDEF data is present (NFC Forum Type 2 Tag 1.2, 6.1)."""
_CAPABILITY_OFFSET: Final = 12
_RANDOM_UID_BYTES: Final = 4
_RANDOM_UID_FIRST: Final = 0x08
"""ISO/IEC 14443-3, 6.5.4: a single-size UID beginning 08 is drawn anew whenever the field is switched on."""


@dataclass(frozen=True)
class _Read:
    """A card or tag that was read, and what nfcpy needs to see whether it is still there."""

    event: CardPresented | NfcTagRead
    tag: Any


class NfcPn532Driver:
    """One reader. One report for each time that a card is laid on it."""

    kind = "nfc_pn532"
    watchdog_s = WATCHDOG_S

    def __init__(
        self,
        device_id: str,
        path: Path,
        *,
        cards: CardTrust,
        poll_interval_s: float = 0.1,
        challenge: Callable[[], bytes] = draw_challenge,
        read_s: float = READ_S,
    ) -> None:
        """`path`: the serial device; `poll_interval_s`: pause between two looks into the field, in seconds.

        `cards`: what health cards are judged with; `challenge` draws a nonce for each tap; `read_s`: longest that one
        attempt to read a card may take, in seconds.
        """
        self.device_id = device_id
        self._path = path
        self._poll_interval_s = poll_interval_s
        self._read_s = read_s
        self._taps = CardTaps(device_id, "nfc", cards, challenge)
        self._reader: Pn532Reader | None = None

    def run(self, session: DeviceSession) -> None:
        """Open the reader and report cards until the session stops.

        Raises:
            DeviceLostError: the reader is unplugged, hung or talks nonsense.
            DeviceMisconfiguredError: nfcpy is not installed; the path can't be one.
        """
        reader = open_pn532(self._path)
        self._reader = reader
        try:
            session.up(f"{reader.name} at {self._path}")
            while not session.stopping:
                target = reader.sense()
                if target is not None:
                    self._presentation(session, reader, target)
                elif session.wait(self._poll_interval_s):
                    break
        finally:
            self._reader = None
            reader.close()

    def abort(self) -> None:
        """Close the line under a run that hangs."""
        reader = self._reader
        if reader is not None:
            reader.abort()

    def _presentation(self, session: DeviceSession, reader: Pn532Reader, target: Any) -> None:  # noqa: ANN401
        """From a card's arrival to its leaving."""
        stamp = session.stamp()
        uid = _uid(target)
        try:
            read = self._read_patiently(session, reader, target, stamp)
        except NdefUnreadableError as error:
            session.fault("ndef_unreadable", f"tag {uid.hex()}: {error}", error.raw)
            read = None
        except CardGoneError as error:
            session.fault("card_removed_early", f"card {uid.hex()} left before it was read: {error}")
            return
        except CardError as error:
            session.fault("card_error", f"card {uid.hex()} can't be read: {error}")
            read = _Read(self._taps.unverified(stamp, uid, f"unreadable: {error}"), None)
        if read is not None:
            session.emit(read.event)
            self._show_holder(reader, read)
        is_card = read is not None and isinstance(read.event, CardPresented)
        try:
            left = self._wait_until_it_left(session, reader, None if read is None else read.tag, uid)
        except DeviceLostError:
            if is_card:
                session.emit(self._taps.removed(session.stamp(), uid))
            raise
        if left and is_card:
            session.emit(self._taps.removed(session.stamp(), uid))

    def _show_holder(self, reader: Pn532Reader, read: _Read) -> None:
        """The tap is kept; whose it is only a screen wants to know: a card that left meanwhile is no fault."""
        if self._taps.shows_holders and read.tag is not None and isinstance(read.event, CardPresented):
            with contextlib.suppress(CardError), reader.limited(self._read_s):
                self._taps.show_holder(NfcConnection(read.tag), read.event)

    def _read_patiently(
        self,
        session: DeviceSession,
        reader: Pn532Reader,
        target: Any,  # noqa: ANN401
        stamp: Stamp,
    ) -> _Read:
        """Read it; once more if it fell silent but is still there.

        Raises:
            CardGoneError: it is not there any more.
            CardError: it stays, and stays silent.
            NdefUnreadableError: its NDEF is garbage.
        """
        uid = _uid(target)
        failure = CardGoneError("never tried")
        for _ in range(ATTEMPTS):
            session.alive()
            try:
                with reader.limited(self._read_s):
                    return self._read(reader, target, stamp)
            except CardGoneError as error:
                failure = error
            again = reader.sense() or reader.sense()
            if again is None or not _same_card(_uid(again), uid):
                raise failure
            target = again
        raise CardError(f"{failure} ({ATTEMPTS} times)")

    def _read(self, reader: Pn532Reader, target: Any, stamp: Stamp) -> _Read:  # noqa: ANN401
        uid = _uid(target)
        if reader.is_iso_dep(target):
            tag = reader.activate(target)
            return _Read(self._read_iso_dep(tag, uid, stamp), tag)
        if reader.is_type2(target):
            tag = reader.activate(target)
            return _Read(self._read_type2(reader, tag, uid, stamp), tag)
        return _Read(self._taps.unverified(stamp, uid, "other_card: neither ISO-DEP nor Type 2"), None)

    def _read_iso_dep(self, tag: Any, uid: bytes, stamp: Stamp) -> CardPresented | NfcTagRead:  # noqa: ANN401
        read = self._taps.read(NfcConnection(tag), stamp)
        if read.ndef_error is not None:
            raise NdefUnreadableError(str(read.ndef_error)) from read.ndef_error
        if read.message is None or read.address:
            return self._taps.presented(stamp, uid, read)
        return self._tag_read(stamp, uid, read.message, "type4")

    def _read_type2(
        self,
        reader: Pn532Reader,
        tag: Any,  # noqa: ANN401
        uid: bytes,
        stamp: Stamp,
    ) -> CardPresented | NfcTagRead:
        try:
            ndef = tag.ndef or tag.ndef  # nfcpy gives None where a single page could not be read: look twice
            if ndef is not None:
                return self._tag_read(stamp, uid, bytes(ndef.octets), "type2")
            head = bytes(tag.read(0))
        except (DeviceLostError, CardGoneError, NdefUnreadableError):
            raise
        except Exception as error:
            again = reader.sense()
            if again is None or not _same_card(_uid(again), uid):
                raise CardGoneError(f"no answer to READ: {type(error).__name__}: {error}") from error
            return self._taps.unverified(stamp, uid, f"other_card: can't be read as a Type 2 tag ({error})")
        if head[_CAPABILITY_OFFSET] == _CAPABILITY_MAGIC:
            raise NdefUnreadableError("says that it holds NDEF, but no whole NDEF message is in it", head)
        return self._taps.unverified(stamp, uid, "other_card: a tag without NDEF")

    def _tag_read(self, stamp: Stamp, uid: bytes, message: bytes, tag_type: Any) -> NfcTagRead:  # noqa: ANN401
        return NfcTagRead(
            device_id=self.device_id,
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            uid=uid.hex(),
            tag_type=tag_type,
            records=decode_ndef(message),
        )

    def _wait_until_it_left(
        self,
        session: DeviceSession,
        reader: Pn532Reader,
        tag: Any,  # noqa: ANN401
        uid: bytes,
    ) -> bool:
        """Return True when the card left, False when the session stops first.

        Asked gently first (presence check of its type); then by looking for it anew, so that one lost answer is not
        taken for a removal and a second tap.
        """
        while not session.wait(self._poll_interval_s):
            if tag is not None and _is_present(tag):
                continue
            tag = None
            found = reader.sense() or reader.sense()
            if found is None or not _same_card(_uid(found), uid):
                return True
        return False


def _is_present(tag: Any) -> bool:  # noqa: ANN401
    try:
        return bool(tag.is_present)
    except DeviceLostError:
        raise
    except Exception:  # noqa: BLE001 - whatever nfcpy makes of a card that answers nonsense: look for it anew
        return False


def _uid(target: Any) -> bytes:  # noqa: ANN401
    if target.sdd_res:
        return bytes(target.sdd_res)
    return bytes(target.rid_res[2:6]) if target.rid_res else b""


def _same_card(uid: bytes, other: bytes) -> bool:
    if uid == other:
        return True
    return all(len(each) == _RANDOM_UID_BYTES and each[0] == _RANDOM_UID_FIRST for each in (uid, other))
