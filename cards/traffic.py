"""Raw APDUs have a log level of their own, below DEBUG; secrets reach none."""

import logging
from typing import Final

from cards.apdu import CommandApdu, ResponseApdu

TRAFFIC: Final = 5
"""Level of raw traffic. An entry point may name it: `logging.addLevelName(TRAFFIC, "TRAFFIC")`."""

_SECRET_INS: Final = frozenset((0x20, 0x21, 0x24, 0x2C, 0xFF))
"""VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (7816-4, 11.6): their data field is a PIN. FF: SET MANAGEMENT KEY
(`cards.piv_management`)."""

_logger = logging.getLogger(__name__)


def log_command(command: CommandApdu) -> None:
    """Log a command about to be sent; the data field of a PIN command as its length only."""
    if not _logger.isEnabledFor(TRAFFIC):
        return
    if command.ins in _SECRET_INS:
        head = bytes((command.cla, command.ins, command.p1, command.p2)).hex()
        _logger.log(TRAFFIC, "> %s <%d secret bytes>", head, len(command.data))
        return
    _logger.log(TRAFFIC, "> %s", command.encode().hex())


def log_response(response: ResponseApdu) -> None:
    """Log an answer."""
    if _logger.isEnabledFor(TRAFFIC):
        _logger.log(TRAFFIC, "< %s %04x", response.data.hex(), response.sw)
