"""Free TCP ports on loopback."""

import os
import socket
import time
import weakref


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago (the kernel gives no other promise)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ReservedPort:
    """A TCP port on 127.0.0.1 for a server of ours that may come and go, kept for as long as this object is there.

    A socket is bound to it that never listens. The kernel gives the port to nobody who asks for any free one, refuses
    connections, and yet lets a server that sets SO_REUSEADDR (PostgreSQL, rumqttd and asyncio do) listen on it.
    """

    def __init__(self) -> None:
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        self.number = int(holder.getsockname()[1])
        weakref.finalize(self, os.close, holder.detach())


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    """True if something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False


def wait_listening(port: int, timeout_s: float, host: str = "127.0.0.1") -> bool:
    """Wait until something accepts connections there; False if nothing did within `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if is_listening(port, host):
            return True
        time.sleep(0.02)
    return False
