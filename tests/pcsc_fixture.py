"""One private pcscd for the whole test process, since libpcsclite looks for its daemon once a process.

A test module imports the fixtures it names; the daemon behind them is one, whoever asks first.
"""

import os
from collections.abc import Iterator

import pytest

from firmware_sim import pcscd
from firmware_sim.apdu_server import ApduCard
from firmware_sim.pcscd import Pcscd
from firmware_sim.type2_tag import Type2Tag
from firmware_sim.vpcd import VpcdSlot

_DAEMON = pytest.StashKey[Pcscd]()
_NOTICE_DEADLINE_MS = 10_000
READER_NAME = "Simulated Contactless Reader"


class PcscSlot:
    """A test's view of the reader: put cards on it, take them away, restart the daemon."""

    def __init__(self, daemon: Pcscd, index: int) -> None:
        """The slot with this number, 0 or 1."""
        self.reader_name = f"{READER_NAME} 00 {index:02d}"
        self.socket_path = daemon.socket_path
        self.daemon = daemon
        self.slot = VpcdSlot(daemon.ports[0] + index)

    def insert(self, card: ApduCard | Type2Tag) -> None:
        """Lay a card on the reader."""
        self.slot.insert(card)

    def remove(self) -> None:
        """Take it away."""
        self.slot.remove()

    def wait_until_empty(self) -> None:
        """Wait until pcscd has noticed that nothing lies here.

        It looks every 0.4 s, and would take a card that came meanwhile for the one that went. Its event counter (the
        upper half of the state) is even when its own look found nothing; SCARD_STATE_EMPTY alone may come of a failed
        command.
        """
        from smartcard import scard  # noqa: PLC0415 - only where the stack is there

        result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        assert result == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(result)
        state = scard.SCARD_STATE_UNAWARE
        while not state & scard.SCARD_STATE_EMPTY or state >> 16 & 1:
            result, answers = scard.SCardGetStatusChange(context, _NOTICE_DEADLINE_MS, [(self.reader_name, state)])
            assert result == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(result)
            state = answers[0][1]
        scard.SCardReleaseContext(context)

    def yank(self) -> None:
        """Take it away in the middle of whatever it does."""
        self.slot.yank()

    def restart_pcscd(self) -> None:
        """Restart the daemon; a card on the reader stays there."""
        self.daemon.restart()

    def stop_pcscd(self) -> None:
        """Stop the daemon: clients find no service until `start_pcscd`."""
        self.daemon.stop()

    def start_pcscd(self) -> None:
        """Start the daemon again."""
        self.daemon.start()


@pytest.fixture(scope="session")
def pcscd_daemon(request: pytest.FixtureRequest) -> Pcscd:
    """The daemon; skipped by name where it isn't installed (in CI that skip is a failure, see conftest).

    It is the same one in every module that imports this fixture, and ends with the test run.
    """
    reason = pcscd.missing()
    if reason:
        pytest.skip(reason)
    daemon = request.config.stash.get(_DAEMON, None)
    if daemon is None:
        daemon = Pcscd([READER_NAME])
        request.config.add_cleanup(daemon.close)
        daemon.start()
        request.config.stash[_DAEMON] = daemon
        os.environ["PCSCLITE_CSOCK_NAME"] = str(daemon.socket_path)
    return daemon


@pytest.fixture
def pcsc_slot(pcscd_daemon: Pcscd) -> Iterator[PcscSlot]:
    """An empty reader slot."""
    yield from _slot(pcscd_daemon, 0)


@pytest.fixture
def second_pcsc_slot(pcscd_daemon: Pcscd) -> Iterator[PcscSlot]:
    """The other, empty reader slot of the same daemon."""
    yield from _slot(pcscd_daemon, 1)


def _slot(daemon: Pcscd, index: int) -> Iterator[PcscSlot]:
    daemon.start()  # whatever the test before did to it
    slot = PcscSlot(daemon, index)
    yield slot
    slot.remove()
    daemon.start()
    slot.wait_until_empty()
