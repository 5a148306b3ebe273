"""Readings refused in a row: each is reported, and after some of them the device counts as lost."""

from typing import Final

from edge.drivers.driver import DeviceLostError, DeviceSession

REFUSED_IN_A_ROW_MAX: Final = 3
"""One bad reading is a gap in the data; so many in a row are a device that does not measure, and someone is told."""


class Refusals:
    """Counts the refused readings of one run."""

    def __init__(self, session: DeviceSession) -> None:
        """None refused yet."""
        self._session = session
        self._in_a_row = 0

    def accepted(self) -> None:
        """A reading was believed."""
        self._in_a_row = 0

    def refused(self, code: str, detail: str, raw: bytes = b"") -> None:
        """Report a refused reading.

        Raises:
            DeviceLostError: it is one too many in a row.
        """
        self._session.fault(code, detail, raw)
        self._in_a_row += 1
        if self._in_a_row >= REFUSED_IN_A_ROW_MAX:
            raise DeviceLostError(f"{self._in_a_row} readings in a row were refused, the last: {detail}")
