"""The PC/SC client library (pyscard's raw `smartcard.scard`): importing it towards one pcscd, wording its errors."""

import os
import sys
from typing import Any, Final

from edge.drivers.driver import DeviceLostError, DeviceMisconfiguredError

SOCKET_VARIABLE: Final = "PCSCLITE_CSOCK_NAME"
"""Where libpcsclite looks for its daemon. It reads this once a process."""
_MODULE: Final = "smartcard.scard"


def load_scard(pcscd_socket: str) -> Any:  # noqa: ANN401 - pyscard ships no types
    """The module `smartcard.scard`, talking to the pcscd at this socket (empty: the system's).

    Raises:
        DeviceMisconfiguredError: pyscard is not installed, or another device of this process uses another pcscd.
    """
    if pcscd_socket and os.environ.get(SOCKET_VARIABLE) != pcscd_socket:
        if _MODULE in sys.modules:
            raise DeviceMisconfiguredError(
                f"pcscd_socket {pcscd_socket!r}: this process already talks to the pcscd at "
                f"{os.environ.get(SOCKET_VARIABLE, 'the system default')!r}; expected the same for every pcsc device"
            )
        os.environ[SOCKET_VARIABLE] = pcscd_socket
    try:
        from smartcard import scard  # noqa: PLC0415 - an optional extra, and only after the variable is set
    except ImportError as error:
        raise DeviceMisconfiguredError(
            f"driver pcsc needs pyscard and libpcsclite: {error}; mend: apt install libpcsclite-dev, "
            "then pip install 'medtap[pcsc]'"
        ) from None
    return scard


def describe(scard: Any, result: int) -> str:  # noqa: ANN401
    """What the library says of a result code."""
    return f"{scard.SCardGetErrorMessage(result)} (0x{result & 0xFFFFFFFF:08X})"


def service_lost(scard: Any, result: int) -> DeviceLostError:  # noqa: ANN401
    """What to say when pcscd does not serve."""
    socket = os.environ.get(SOCKET_VARIABLE) or "its default socket"
    if result in (scard.SCARD_W_SECURITY_VIOLATION, scard.SCARD_E_NO_ACCESS):
        return DeviceLostError(
            f"pcscd at {socket} refuses this user: {describe(scard, result)}; "
            "mend: a polkit rule that allows org.debian.pcsc-lite.access_pcsc and access_card to it"
        )
    return DeviceLostError(
        f"pcscd at {socket} does not serve: {describe(scard, result)}; "
        "mend: apt install pcscd, systemctl restart pcscd.socket pcscd"
    )
