"""Become pcscd on an inherited socket: the little program between `pcscd.Pcscd` and the daemon.

Arguments: descriptor of the listening socket, process id of the starter, configuration directory, "userns" or "", the
daemon's path. Run with `python -I -S`, alone; it imports nothing of ours.
"""

import ctypes
import os
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)
_FIRST_PASSED_DESCRIPTOR = 3  # sd_listen_fds(3)


def main(arguments: list[str]) -> None:
    """Never returns unless the daemon can't be started."""
    descriptor, starter, configuration, namespace, daemon = arguments
    # The daemon ends when the thread that started it ends, however that happens: a killed test run leaves none behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(starter):
        return  # it ended before we could ask
    if namespace:
        # Inside the new mount namespace /run may be ours, so that pcscd can make its directory there.
        subprocess.run(["/bin/mount", "-t", "tmpfs", "medtap", "/run"], check=True)
    if int(descriptor) != _FIRST_PASSED_DESCRIPTOR:
        os.dup2(int(descriptor), _FIRST_PASSED_DESCRIPTOR)
    os.set_inheritable(_FIRST_PASSED_DESCRIPTOR, True)  # noqa: FBT003 - its parameters have no names
    environment = {**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    command = ["pcscd", "--foreground", "--info", "--config", configuration]
    os.execve(daemon, command, environment)  # noqa: S606 - that is the point


if __name__ == "__main__":
    main(sys.argv[1:])
