"""Writes a web address (GS1 Digital Link) into a Type 2 NFC tag through a PN532, and reads it back before saying so.

Not a driver: one job for one person who holds one tag to the reader, while the agent does not use that reader.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cards.errors import CardGoneError
from edge.drivers.driver import DeviceLostError
from edge.drivers.ndef_records import NdefUnreadableError, decode_ndef
from edge.drivers.nfc_pn532_reader import Pn532Reader, open_pn532

_POLL_S: Final = 0.1
_WRITE_S: Final = 15.0
"""222 pages at 10 ms, three tries each, and the reading back."""
_ATTEMPTS: Final = 3
"""nfcpy waits 0.1 s for the chip to acknowledge: a busy machine misses that now and then. Writing twice does no harm:
a message's length is written last, so that half of one is none."""
_SHORT_PAYLOAD_MAX: Final = 255
_PREFIXES: Final = (("https://www.", 2), ("http://www.", 1), ("https://", 4), ("http://", 3), ("", 0))
"""URI abbreviations (NFC Forum URI RTD 1.0, table 3), longest first."""
_EMPTY_RECORD: Final = b"\xd0\x00\x00"
_GET_VERSION: Final = b"\x60"
_VERSION_BYTES: Final = 8
_DYNAMIC_LOCK_PAGES: Final = {0x0F: 0x28, 0x11: 0x82, 0x13: 0xE2}
"""NTAG213, 215, 216 by the storage size in the answer to GET_VERSION (NXP data sheet NTAG213/215/216, 8.5.3, 10.1)."""
_CAPABILITY_PAGE, _STATIC_LOCK_PAGE = 3, 2
_READ_ONLY: Final = 0x0F


class TagWriteError(Exception):
    """The tag does not say what it should. The message tells what is on it now, as far as that is known."""


@dataclass(frozen=True)
class NdefWritten:
    """What was written, and read back equal."""

    uid: str
    uri: str
    message_bytes: int
    capacity_bytes: int
    replaced: str
    """What the tag said before; empty for a blank one."""
    locked: bool


def encode_uri_message(uri: str) -> bytes:
    """One NDEF message with one URI record (NFC Forum NDEF 1.0, 3.2; URI RTD 1.0, 3.2)."""
    prefix, code = next(each for each in _PREFIXES if uri.startswith(each[0]))
    payload = bytes([code]) + uri[len(prefix) :].encode()
    if len(payload) <= _SHORT_PAYLOAD_MAX:
        return b"\xd1\x01" + bytes([len(payload)]) + b"U" + payload
    return b"\xc1\x01" + len(payload).to_bytes(4, "big") + b"U" + payload


def write_uri(
    path: Path, uri: str, *, lock: bool = False, overwrite: bool = False, wait_s: float = 30.0
) -> NdefWritten:
    """Write `uri` into the tag that is held to the reader at `path` within `wait_s` seconds.

    `lock` makes the tag read-only for ever, after the content was read back right. Without `overwrite`, a tag that
    says something else already is left alone.

    Raises:
        TagWriteError: no tag came, it is no writable NDEF tag, it is too small, or it doesn't read back as written.
        DeviceLostError: no reader there, or it failed.
        DeviceMisconfiguredError: nfcpy is not installed; the path can't be one.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _write_once(path, uri, lock=lock, overwrite=overwrite, wait_s=wait_s)
        except DeviceLostError:
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError  # the last attempt has returned or raised


def _write_once(path: Path, uri: str, *, lock: bool, overwrite: bool, wait_s: float) -> NdefWritten:
    reader = open_pn532(path)
    try:
        tag, uid = _await_tag(reader, wait_s)
        with reader.limited(_WRITE_S):
            return _write(reader, tag, uid, uri, lock=lock, overwrite=overwrite)
    except CardGoneError as error:
        raise TagWriteError(f"the tag left before it was done ({error}); hold it still and try again") from error
    finally:
        reader.close()


def _await_tag(reader: Pn532Reader, wait_s: float) -> tuple[Any, str]:
    deadline = time.monotonic() + wait_s
    while True:
        target = reader.sense()
        if target is not None:
            return _activate(reader, target)
        if time.monotonic() >= deadline:
            raise TagWriteError(f"no tag within {wait_s:g} s: lay one on the reader")
        time.sleep(_POLL_S)


def _activate(reader: Pn532Reader, target: Any) -> tuple[Any, str]:  # noqa: ANN401 - nfcpy ships no types
    uid = bytes(target.sdd_res).hex() if target.sdd_res else ""
    if reader.is_iso_dep(target) or not reader.is_type2(target):
        raise TagWriteError(f"tag {uid}: a card, or a tag of another kind; expected a Type 2 tag such as NTAG216")
    return reader.activate(target), uid


def _write(
    reader: Pn532Reader,
    tag: Any,  # noqa: ANN401
    uid: str,
    uri: str,
    *,
    lock: bool,
    overwrite: bool,
) -> NdefWritten:
    message = encode_uri_message(uri)
    ndef = _ndef_of(tag, uid)
    before = bytes(ndef.octets)
    said = _describe(before)
    if before != message:
        _refuse_unfit(ndef, uid, message, said, overwrite=overwrite)
    lock_page = _dynamic_lock_page(tag, uid) if lock else 0
    if before != message:
        try:
            ndef.octets = message
        except (DeviceLostError, CardGoneError):
            raise
        except Exception as error:
            raise TagWriteError(
                f"tag {uid}: writing stopped ({type(error).__name__}: {error}); it is now empty or as before, "
                "and can be written again"
            ) from error
    tag, ndef = _read_back(reader, uid, uri, message)
    if lock:
        _lock(tag, uid, lock_page)
        _, ndef = _read_back(reader, uid, uri, message)
        if ndef.is_writeable:
            raise TagWriteError(f"tag {uid}: written right, but it did not take the lock")
    return NdefWritten(uid, uri, len(message), int(ndef.capacity), "" if before == message else said, locked=lock)


def _ndef_of(tag: Any, uid: str) -> Any:  # noqa: ANN401
    """The NDEF area as nfcpy sees it, which gives None where a single page could not be read, so look twice."""
    try:
        ndef = tag.ndef or tag.ndef
    except (DeviceLostError, CardGoneError):
        raise
    except Exception as error:
        raise CardGoneError(f"no answer to READ: {type(error).__name__}: {error}") from error
    if ndef is None:
        raise TagWriteError(f"tag {uid}: not formatted for NDEF (no capability container or no NDEF area)")
    return ndef


def _refuse_unfit(ndef: Any, uid: str, message: bytes, said: str, *, overwrite: bool) -> None:  # noqa: ANN401
    if not ndef.is_writeable:
        raise TagWriteError(f"tag {uid} is locked and says {said or 'nothing'}: take another one")
    if len(message) > ndef.capacity:
        raise TagWriteError(
            f"tag {uid} holds {ndef.capacity} bytes, {len(message)} are needed: take a larger tag or a shorter address"
        )
    if said and not overwrite:
        raise TagWriteError(f"tag {uid} says {said} already; overwrite it only if it is the right one")


def _describe(octets: bytes) -> str:
    if not octets or octets == _EMPTY_RECORD:
        return ""
    try:
        texts = [record.text for record in decode_ndef(octets) if record.text]
    except NdefUnreadableError:
        texts = []
    return ", ".join(texts) or f"{len(octets)} bytes of something else"


def _read_back(reader: Pn532Reader, uid: str, uri: str, message: bytes) -> tuple[Any, Any]:
    """Look for the tag anew, field off and on, so that nothing comes from a cache; compare bytes and meaning."""
    target = reader.sense() or reader.sense()
    if target is None:
        raise CardGoneError("gone before it was read back")
    tag, found = _activate(reader, target)
    if found != uid:
        raise TagWriteError(f"tag {uid} was swapped for {found} before it was read back: check both")
    ndef = _ndef_of(tag, uid)
    octets = bytes(ndef.octets)
    texts = [record.text for record in decode_ndef(octets)] if octets == message else []
    if texts != [uri]:
        raise TagWriteError(f"tag {uid} reads back as {_describe(octets) or 'empty'}: expected {uri}; throw it away")
    return tag, ndef


def _dynamic_lock_page(tag: Any, uid: str) -> int:  # noqa: ANN401
    """Where the lock bytes of this product are; asked before anything is written.

    nfcpy's generic way takes them to lie right behind the NDEF area, which on an NTAG216 is user memory.
    """
    try:
        version = bytes(tag.transceive(_GET_VERSION))
    except (DeviceLostError, CardGoneError):
        raise
    except Exception:  # noqa: BLE001 - an older product answers NAK or nothing
        version = b""
    if len(version) != _VERSION_BYTES or version[6] not in _DYNAMIC_LOCK_PAGES:
        raise TagWriteError(f"tag {uid} is none of NTAG213, 215, 216: how it is locked is not known; write it unlocked")
    return _DYNAMIC_LOCK_PAGES[version[6]]


def _lock(tag: Any, uid: str, lock_page: int) -> None:  # noqa: ANN401
    """Read-only flag, then the lock bits from the far end; the capability container locks itself last."""
    try:
        capability = bytes(tag.read(_CAPABILITY_PAGE)[:3]) + bytes([_READ_ONLY])
        tag.write(_CAPABILITY_PAGE, capability)
        tag.write(lock_page, b"\xff\xff\xff\x00")
        tag.write(_STATIC_LOCK_PAGE, b"\x00\x00\xff\xff")
    except (DeviceLostError, CardGoneError):
        raise
    except Exception as error:
        raise TagWriteError(
            f"tag {uid}: written right, but locking stopped ({error}): it may be locked in part; throw it away"
        ) from error
