"""A child process that never outlives its parent, and whose last words are kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_STUB: Final = """\
import ctypes, os, sys
death_signal, parent, user_id = map(int, sys.argv[1:4])
if user_id >= 0:
    os.setgroups([])
    os.setgid(user_id)
    os.setuid(user_id)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, death_signal)  # PR_SET_PDEATHSIG: a change of user clears it, an exec does not
if os.getppid() != parent:
    sys.exit("parent is gone")
os.execvp(sys.argv[4], sys.argv[4:])
"""


def stub_argv(death_signal: signal.Signals, user_id: int | None) -> list[str]:
    """What to put before a command so that it dies with this process and runs as that user (None: as now).

    The user is changed in the child, after its Python was loaded: that user may not be able to read our Python.
    """
    user = -1 if user_id is None else user_id
    return [sys.executable, "-S", "-c", _STUB, str(int(death_signal)), str(os.getpid()), str(user)]


@dataclass
class ChildProcess:
    """One child. Start it from a thread that lives as long as the child may: the kernel ties it to the thread."""

    argv: Sequence[str]
    log_file: Path
    """Where its output goes; appended to."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to this process's environment."""
    user_id: int | None = None
    """Run as this user (needs root), e.g. for PostgreSQL, which refuses to run as root."""
    death_signal: signal.Signals = signal.SIGTERM
    """What the child gets when its parent is gone."""
    keep_open: Sequence[int] = ()
    """Descriptors that the child inherits, e.g. a lock that it is to hold for as long as it lives."""
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; output goes to the log file."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - starts what the caller composed, no shell
                [*stub_argv(self.death_signal, self.user_id), *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                # Its own group, so that a Ctrl-C in the terminal reaches only the parent, which ends children in order.
                start_new_session=True,
                pass_fds=self.keep_open,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise RuntimeError(f"{self.argv[0]!r} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while it lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Exit code, negative for a signal; None while it lives or before it was started."""
        return None if self._process is None else self._process.poll()

    def stop(self, timeout_s: float = 10.0, first: signal.Signals = signal.SIGTERM) -> int | None:
        """Ask it to end with `first`, wait, then kill. Returns the exit code; safe to call twice."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(first)
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.wait()

    def tell(self, what: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(what)

    def kill(self) -> None:
        """End it at once (SIGKILL) and reap it."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def last_words(self, lines: int = 12) -> str:
        """The end of its output, for an error message."""
        try:
            text = self.log_file.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])
