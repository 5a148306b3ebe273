"""Calls a PN532 back to its first baud rate, after an agent that died without doing so.

nfcpy raises the line to up to 921,600 baud and lowers it again when it closes. A killed agent closes nothing: the chip
stays fast, hears nothing at 115,200, and would stay lost until someone pulls its plug.
"""

import contextlib
import time
from pathlib import Path
from typing import Final

FAST_BAUD_RATES: Final = (921_600, 460_800, 230_400)
"""What nfcpy may have left behind, most likely first."""

_PREAMBLE: Final = bytes(10)
"""Longer than needed to wake a sleeping chip on its serial line (UM0701-02, 7.2.11)."""
_SET_115200: Final = bytes.fromhex("0000FF03FDD410041800")
"""SetSerialBaudRate 04 (UM0701-02, 7.2.7) in a normal information frame (6.2.1.1)."""
_ACK: Final = bytes.fromhex("0000FF00FF00")
"""UM0701-02, 6.2.1.3. The chip changes its speed when its answer was acknowledged."""
_ANSWER: Final = bytes.fromhex("D511")
_ANSWER_S: Final = 0.15
"""Twice what the chip takes, in seconds."""
_CHANGE_S: Final = 0.01


def recall_to_first_speed(path: Path) -> bool:
    """Ask at each fast baud rate; True when the chip answered at one and has gone back to 115,200."""
    import serial  # noqa: PLC0415 - only where a device is opened

    for baud_rate in FAST_BAUD_RATES:
        # OSError: this port can't be opened, or not at this speed
        with contextlib.suppress(OSError), serial.Serial(str(path), baud_rate, timeout=_ANSWER_S) as port:
            port.reset_input_buffer()
            port.write(_PREAMBLE + _SET_115200)
            if _ANSWER in port.read(len(_ACK) + len(_SET_115200)):
                port.write(_ACK)
                port.flush()
                time.sleep(_CHANGE_S)
                return True
    return False
