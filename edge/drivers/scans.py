"""What the scanner drivers share: a whole code as an observation, and refused bytes as a fault."""

from edge.clock import Stamp
from edge.contracts.observations import CodeScanned
from edge.drivers.driver import DeviceSession
from edge.drivers.line_assembler import LINE_BYTES_MAX, Refused


def code_scanned(device_id: str, data: bytes, stamp: Stamp) -> CodeScanned:
    """The observation of a whole code: UTF-8, or ISO 8859-1 where the bytes are not UTF-8, so that none is lost."""
    try:
        text, is_utf8 = data.decode("utf-8"), True
    except UnicodeDecodeError:
        text, is_utf8 = data.decode("iso-8859-1"), False
    return CodeScanned(
        device_id=device_id,
        occurred_at=stamp.occurred_at,
        monotonic_ns=stamp.monotonic_ns,
        text=text,
        encoding="utf-8" if is_utf8 else "iso-8859-1",
    )


def report_refused(session: DeviceSession, refused: Refused) -> None:
    """Report bytes that are no whole code."""
    if refused.code == "oversized_scan":
        detail = (
            f"more than {LINE_BYTES_MAX} bytes without a line ending: check terminator and baud_rate against "
            "the scanner's settings"
        )
    else:
        detail = (
            f"{len(refused.data)} bytes without a line ending, then silence: scan again; if it stays so, check "
            "terminator and baud_rate against the scanner's settings"
        )
    session.fault(refused.code, detail, refused.data)
