"""A network of its own for one agent (ip-netns(8), veth(4); root only): its cable can be pulled for real.

Both ends are link-local to this machine: 198.18.0.0/15 is for tests of networks (RFC 2544) and routed nowhere.
"""

import os
import shutil
import subprocess
from typing import Final

from medtap.chaos.leftovers import name_of_own
from medtap.services.errors import ServiceError

_NET: Final = "198.18"


class NetworkNamespace:
    """A namespace and a cable to it. `host` is this machine as seen from inside."""

    def __init__(self, number: int) -> None:
        """Make both; `number` (0 to 255) tells several of this process apart.

        Raises:
            ServiceError: it is not allowed here.
        """
        self.name = name_of_own(number)
        # An interface's name has at most 15 characters (IFNAMSIZ of Linux's if.h), a process id up to seven.
        self._cable = f"mt{os.getpid()}h{number}"
        inside = f"mt{os.getpid()}n{number}"
        third = os.getpid() % 256
        self.host = f"{_NET}.{third}.{4 * number + 1}"
        _run("ip", "netns", "add", self.name)
        try:
            _run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", inside, "netns", self.name)
            _run("ip", "addr", "add", f"{self.host}/30", "dev", self._cable)
            _run("ip", "link", "set", self._cable, "up")
            _run("ip", "-n", self.name, "addr", "add", f"{_NET}.{third}.{4 * number + 2}/30", "dev", inside)
            _run("ip", "-n", self.name, "link", "set", inside, "up")
            _run("ip", "-n", self.name, "link", "set", "lo", "up")
        except ServiceError:
            self.close()
            raise

    @property
    def command(self) -> tuple[str, ...]:
        """What to put before a command that shall run inside."""
        return ("ip", "netns", "exec", self.name)

    def pull(self) -> None:
        """Pull the cable: packets vanish, nobody is told."""
        _run("ip", "link", "set", self._cable, "down")

    def plug(self) -> None:
        """Put it back."""
        _run("ip", "link", "set", self._cable, "up")

    def close(self) -> None:
        """Take the namespace away; the cable goes with it. What runs inside must have ended."""
        _run("ip", "netns", "del", self.name)


def can_make_one() -> bool:
    """True if this process may make a network namespace here (it tries)."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    try:
        NetworkNamespace(63).close()
    except ServiceError:
        return False
    return True


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - composed above
    if done.returncode != 0:
        raise ServiceError(f"{' '.join(command)}: {done.stderr.strip()}")
