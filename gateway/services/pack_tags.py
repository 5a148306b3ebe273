"""The NFC tag on a serialised pack: its UID is remembered beside the pack, and never taken for the pack itself.

A UID alone is no identity: the tag's content names the pack. But a content can be copied onto another tag, and then the
UID tells: what one pack's tag said, and another tag says now, is booked as it is read and becomes a case.
"""

from gateway.db.pool import Connection
from gateway.services.occurrence import Occurrence
from gateway.stock import cases, locks
from inventory.parsed_scan import ParsedScan

CASE = "nfc_tag_other"


def note_nfc_tag(connection: Connection, at: Occurrence, uid: str, code: ParsedScan) -> None:
    """Remember which tag said that it is this pack; the last one that did counts from now on."""
    if not code.valid or code.gtin is None or code.serial_number is None:
        return
    pack, uid = (code.gtin, code.serial_number), uid.upper()
    row = connection.execute("SELECT nfc_uid FROM pack WHERE gtin = %s AND serial_number = %s", pack).fetchone()
    if row is None or row[0] == uid:
        return
    locks.enter_alone(connection)  # a frame of scans takes rows in the order of its scans
    # A tag that was written anew is the last pack's no more.
    connection.execute("UPDATE pack SET nfc_uid = NULL WHERE nfc_uid = %s", (uid,))
    connection.execute("UPDATE pack SET nfc_uid = %s WHERE gtin = %s AND serial_number = %s", (uid, *pack))
    if row[0] is not None:
        detail = f"pack {pack[1]!r} of {pack[0]} had the NFC tag {row[0]}, and tag {uid} says now that it is this pack"
        cases.open_case(connection, at.occurred_at, CASE, detail, epoch_key=at.epoch_key, seq=at.seq)
