"""A chip that was left at a fast baud rate by an agent that was killed."""

import contextlib
import os
import pty
import select
import termios
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.drivers import nfc_pn532_speed
from edge.drivers.nfc_pn532_reader import open_pn532
from edge.drivers.nfc_pn532_speed import recall_to_first_speed
from firmware_sim.field import Field
from firmware_sim.pn532 import Pn532
from tests.pn532_fixture import patient_host

__all__ = ("patient_host",)  # fixtures are found by being here

ACK = bytes.fromhex("0000FF00FF00")
SET_BAUD_RATE = bytes.fromhex("D410")
BAUD_RATES = {4: termios.B115200, 5: termios.B230400, 6: termios.B460800, 7: termios.B921600}


class SpeedMindfulLine:
    """A line before a simulated chip on which bytes arrive only at the chip's own speed, as on a real UART."""

    def __init__(self, chip: Pn532, speed: int) -> None:
        """The chip listens at `speed` (a termios constant) until it is told otherwise."""
        self.speed = speed
        self._next_speed = speed
        self._chip = os.open(chip.path, os.O_RDWR | os.O_NOCTTY)
        self._host, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = Path(os.ttyname(self._slave))
        self._stop_reading, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the relay."""
        os.close(self._stop)
        self._thread.join()
        for descriptor in (self._chip, self._host, self._slave, self._stop_reading):
            os.close(descriptor)

    def _relay(self) -> None:
        while True:
            ready, _, _ = select.select([self._chip, self._host, self._stop_reading], [], [])
            if self._stop_reading in ready:
                return
            if self._chip in ready:
                os.write(self._host, os.read(self._chip, 4096))
            if self._host in ready:
                self._from_host(os.read(self._host, 4096))

    def _from_host(self, data: bytes) -> None:
        host_speed = termios.tcgetattr(self._host)[4]
        if self.speed != self._next_speed and (data.startswith(ACK) or host_speed == self._next_speed):
            # A pseudo-terminal forgets an acknowledgement when its host changes the speed at once, and shows the new
            # speed for one that was sent at the old.
            self.speed = self._next_speed
            data = data.removeprefix(ACK)
        if not data or host_speed != self.speed:
            return
        at = data.find(SET_BAUD_RATE)
        if at >= 0:
            self._next_speed = BAUD_RATES[data[at + 2]]
        os.write(self._chip, data)


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Pn532]:
    with Pn532(Field(), tmp_path / "pn532") as chip:
        yield chip


@pytest.fixture(autouse=True)
def patient_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `patient_host`, at each speed that is tried."""
    monkeypatch.setattr(nfc_pn532_speed, "_ANSWER_S", 1.0)


@pytest.mark.parametrize("speed", [termios.B115200, termios.B230400, termios.B921600])
def test_a_chip_left_at_any_speed_is_found_again(chip: Pn532, speed: int) -> None:
    line = SpeedMindfulLine(chip, speed)
    with contextlib.closing(line):
        reader = open_pn532(line.path)
        assert reader.name == "PN532v1.6"
        assert reader.sense() is None
        assert line.speed == termios.B921600
        reader.close()
        assert line.speed == termios.B115200


def test_where_no_chip_is_nobody_is_called_back() -> None:
    master, slave = pty.openpty()
    try:
        assert not recall_to_first_speed(Path(os.ttyname(slave)))
    finally:
        os.close(master)
        os.close(slave)
