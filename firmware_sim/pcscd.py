"""A private pcscd with virtual readers, beside any the machine has: own socket, own readers, no root, no orphans."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_DAEMON = Path("/usr/sbin/pcscd")
_DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_LAUNCHER = Path(__file__).with_name("pcscd_launcher.py")
_RUN_DIRECTORY = Path("/run/pcscd")
_READERS_MAX = 8  # pcscd's limit is 16 slots, and each vpcd entry takes two
_START_DEADLINE_S = 10.0
_STOP_DEADLINE_S = 5.0
_POLL_S = 0.01
_BACKLOG = 64


class PcscdUnavailableError(Exception):
    """The daemon or its virtual reader driver is not installed, or would not start. The message names the mend."""


def missing() -> str:
    """What keeps a private pcscd from running here, and the mend; empty if nothing does."""
    for path, package in ((_DAEMON, "pcscd"), (_DRIVER, "vsmartcard-vpcd")):
        if not path.exists():
            return f"{path} is missing: apt-get install {package}"
    return ""


class Pcscd:
    """One daemon. Clients find it by the environment variable PCSCLITE_CSOCK_NAME = `socket_path`, read once a process.

    pcscd's own socket path is compiled in, but it takes a listening socket the way systemd hands one over. Call `start`
    from a thread that lives on: the daemon is told to end with it.
    """

    def __init__(self, reader_names: Sequence[str] = ("Simulated Reader",)) -> None:
        """A daemon with one virtual reader per name. Each has two slots, "<name> 00 00" and "<name> 00 01".

        Raises:
            ValueError: more than eight readers, or a name that a configuration line can't hold.
        """
        if not 1 <= len(reader_names) <= _READERS_MAX or any(
            '"' in name or not name.isprintable() for name in reader_names
        ):
            raise ValueError(f"readers: got {reader_names!r}, expected one to eight names without quotation marks")
        self._directory = Path(tempfile.gettempdir()) / f"medtap-pcscd-{secrets.token_hex(8)}"
        self.socket_path = self._directory / "pcscd.comm"
        self.reader_names = tuple(reader_names)
        self.ports: tuple[int, ...] = ()
        """TCP port of each reader's first slot; the second slot has the next one."""
        self._listening: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @property
    def log_text(self) -> str:
        """What the daemon said so far."""
        path = self._directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def process_id(self) -> int | None:
        """The daemon's, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start and wait until it serves.

        Raises:
            PcscdUnavailableError: it can't.
        """
        reason = missing()
        if reason:
            raise PcscdUnavailableError(reason)
        if self.process_id is not None:
            return
        self._end_process()
        self._directory.mkdir(mode=0o755, exist_ok=True)
        if not self.ports:
            self.ports = tuple(_free_port_pair() for _ in self.reader_names)
        self._write_configuration()
        if self._listening is None:
            self.socket_path.unlink(missing_ok=True)
            self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listening.bind(str(self.socket_path))
            self.socket_path.chmod(0o666)
            self._listening.listen(_BACKLOG)
        self._spawn(self._listening.fileno())
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop it, socket and all: clients find no service until `start`."""
        self._end_process()
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        self.socket_path.unlink(missing_ok=True)

    def restart(self) -> None:
        """Stop and start as an upgrade of the package does under systemd: the socket stays and clients wait on it."""
        self._end_process()
        self.start()

    def close(self) -> None:
        """Stop and remove the directory."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _write_configuration(self) -> None:
        # All readers in one file, as pcscd reads a directory in any order. A driver file for each, as the driver's slot
        # table is static: several readers on one file are all dead.
        configuration = self._directory / "reader.conf.d"
        configuration.mkdir(exist_ok=True)
        entries: list[str] = []
        for index, (name, port) in enumerate(zip(self.reader_names, self.ports, strict=True)):
            driver = self._directory / f"libifdvpcd-{index}.so"
            shutil.copyfile(_DRIVER, driver)
            entries.append(
                f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:0x{port:04X}\nLIBPATH {driver}\nCHANNELID 0x{port:04X}\n'
            )
        (configuration / "readers").write_text("\n".join(entries))

    def _spawn(self, descriptor: int) -> None:
        # pcscd insists on making /run/pcscd. Whoever may not, runs it in a user namespace with a /run of its own.
        needs_namespace = not _RUN_DIRECTORY.is_dir() and not os.access(_RUN_DIRECTORY.parent, os.W_OK)
        prefix = ["/usr/bin/unshare", "--user", "--map-root-user", "--mount", "--"] if needs_namespace else []
        self._log = (self._directory / "log").open("wb")
        self._process = subprocess.Popen(  # noqa: S603 - our own launcher and fixed paths
            [
                *prefix,
                *(sys.executable, "-I", "-S", str(_LAUNCHER)),
                *(str(descriptor), str(os.getpid()), str(self._directory / "reader.conf.d")),
                *("userns" if needs_namespace else "", str(_DAEMON)),
            ],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_DEADLINE_S
        while "daemon ready" not in self.log_text:
            if self.process_id is None or time.monotonic() > deadline:
                log = self.log_text[-2000:]
                self.stop()
                raise PcscdUnavailableError(f"pcscd did not start; its log ends: {log!r}")
            time.sleep(_POLL_S)

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None


def _free_port_pair() -> int:
    """A TCP port that is free together with its successor on all interfaces: the driver binds both."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("0.0.0.0", 0))  # noqa: S104 - the driver binds all interfaces, so that must be free
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("0.0.0.0", port + 1))  # noqa: S104 - same
                return port
