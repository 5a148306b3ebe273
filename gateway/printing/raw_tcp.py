"""Sends ZPL to a label printer on the network, as raw bytes on a TCP port (9100 on nearly all of them).

The protocol has no answer: that all bytes were taken by the printer's network card is the most that can be known.
Whether paper came out is for the person who takes the label to say, and whether it can be read for a scanner.
"""

import socket
from dataclasses import dataclass
from typing import Final

PORT: Final = 9100
_CONNECT_S: Final = 5.0
_SEND_S: Final = 20.0
"""A printer that is out of paper keeps the connection open and takes no more; do not wait for ever."""
_PORT_MAX: Final = 65535


class PrinterUnreachableError(Exception):
    """Nothing, or not everything, was taken by the printer. The message names it, what failed and what to look at."""


@dataclass(frozen=True)
class PrinterAddress:
    """Where a printer listens."""

    host: str
    port: int = PORT

    @classmethod
    def parse(cls, text: str) -> "PrinterAddress":
        """From `host`, `host:port` or `[IPv6]:port`.

        Raises:
            ValueError: none of these.
        """
        host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
        if not colon:
            host, port = text, str(PORT)
        host = host.removeprefix("[").removesuffix("]")
        if not host or host.strip() != host or not port.isdecimal() or not 1 <= int(port) <= _PORT_MAX:
            raise ValueError(f"printer {text!r}: expected host or host:port, such as 192.168.1.40:9100")
        return cls(host, int(port))

    def __str__(self) -> str:
        """As `parse` takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def send_zpl(address: PrinterAddress, zpl: str, *, connect_s: float = _CONNECT_S, send_s: float = _SEND_S) -> None:
    """Send one job; returns when the printer has taken the bytes and closed, or has had `send_s` seconds to close.

    Raises:
        PrinterUnreachableError: no such host, refused, silent, or cut off before everything was taken.
    """
    try:
        connection = socket.create_connection((address.host, address.port), connect_s)
    except socket.gaierror as error:
        raise PrinterUnreachableError(f"printer {address}: no such host ({error.strerror}); check its name") from error
    except TimeoutError as error:
        raise PrinterUnreachableError(
            f"printer {address}: no answer within {connect_s:g} s; check power, network cable and address"
        ) from error
    except OSError as error:
        raise PrinterUnreachableError(
            f"printer {address}: {error.strerror or error}; check that it is on, and that raw printing is enabled there"
        ) from error
    with connection:
        connection.settimeout(send_s)
        try:
            connection.sendall(zpl.encode("ascii"))
            connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise PrinterUnreachableError(
                f"printer {address}: took only a part of the job ({error}); check paper, ribbon and cover,"
                " and look how many labels came out before sending it again"
            ) from error
