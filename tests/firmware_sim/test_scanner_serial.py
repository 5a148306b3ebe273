"""The simulated serial scanner, under pyserial."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from firmware_sim.counts import Counts
from firmware_sim.pty_link import PtyPair
from firmware_sim.serial_scanner import SerialScanner


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def scanner(tmp_path: Path, counts: Counts) -> Iterator[SerialScanner]:
    with SerialScanner(tmp_path / "scanner-receiving", counts=counts, sleep=lambda _: None) as plugged:
        yield plugged


def _open(scanner: SerialScanner) -> serial.Serial:
    return serial.Serial(str(scanner.path), 9600, timeout=60)


def test_a_scan_is_one_line_that_ends_with_a_carriage_return(scanner: SerialScanner, counts: Counts) -> None:
    with _open(scanner) as port:
        assert scanner.scan("]d20108938501230072\x1d21AB")
        assert port.read_until(b"\r") == b"]d20108938501230072\x1d21AB\r"
    assert counts.as_dict() == {"scans": 1}


def test_bytes_that_are_no_text_are_delivered_as_they_are(scanner: SerialScanner) -> None:
    with _open(scanner) as port:
        assert scanner.scan_bytes(b"\xff\xfe\x00")
        assert port.read_until(b"\r") == b"\xff\xfe\x00\r"


def test_half_a_scan_has_no_end(scanner: SerialScanner, counts: Counts) -> None:
    with _open(scanner) as port:
        port.timeout = 0.5
        assert scanner.half_scan("0123456789")
        assert port.read_until(b"\r") == b"01234"
    assert counts.as_dict() == {"half_scans": 1}


def test_a_scan_that_nobody_listens_to_is_lost_and_counted_as_such(scanner: SerialScanner, counts: Counts) -> None:
    assert not scanner.scan("before")
    with _open(scanner) as port:
        assert scanner.listening
        assert scanner.scan("during")
        assert port.read_until(b"\r") == b"during\r"
    assert not scanner.scan("after")
    assert counts.as_dict() == {"scans": 1, "scans_unheard": 2}


def test_a_driver_that_opens_again_does_not_hear_what_was_scanned_meanwhile(scanner: SerialScanner) -> None:
    _open(scanner).close()
    assert not scanner.scan("lost")
    with _open(scanner) as port:
        assert scanner.scan("heard")
        assert port.read_until(b"\r") == b"heard\r"


def test_a_pulled_plug_is_an_error_for_the_driver_and_the_name_is_gone(scanner: SerialScanner) -> None:
    with _open(scanner) as port:
        scanner.unplug()
        assert not scanner.path.exists()
        with pytest.raises((serial.SerialException, OSError)):
            port.read(1)
    assert not scanner.scan("unheard")


def test_plugged_in_again_it_has_its_old_name_and_works(scanner: SerialScanner) -> None:
    scanner.unplug()
    scanner.unplug()
    scanner.plug()
    scanner.plug()
    with _open(scanner) as port:
        assert scanner.scan("x")
        assert port.read_until(b"\r") == b"x\r"


def test_characters_come_at_the_speed_of_the_line(tmp_path: Path) -> None:
    pauses: list[float] = []
    with SerialScanner(tmp_path / "s", baud_rate=9600, sleep=pauses.append) as scanner, _open(scanner) as port:
        scanner.scan("x" * 47)
        port.read_until(b"\r")
    # 48 characters at 960 a second, in chunks of eight; before the first chunk there is nothing to wait for.
    assert sum(pauses) == pytest.approx(40 / 960)


def test_a_driver_that_hangs_loses_scans_but_does_not_hang_the_scanner(scanner: SerialScanner, counts: Counts) -> None:
    with _open(scanner):
        while scanner.scan("x" * 1000):
            assert counts.as_dict()["scans"] < 1000, "the line never filled up"
        scanner.unplug()
    assert counts.as_dict()["scans_unheard"] == 1


def test_a_closed_scanner_leaves_no_name_behind(tmp_path: Path) -> None:
    with SerialScanner(tmp_path / "s") as scanner:
        assert scanner.path.is_symlink()
    assert not scanner.path.is_symlink()


def test_a_pair_of_lines_carries_bytes_both_ways(tmp_path: Path) -> None:
    pair = PtyPair(tmp_path / "rs485")
    try:
        with serial.Serial(pair.device_path, timeout=60) as device, serial.Serial(str(pair.path), timeout=60) as driver:
            driver.write(b"ask")
            assert device.read(3) == b"ask"
            device.write(b"tell")
            assert driver.read(4) == b"tell"
    finally:
        pair.close()
    deadline = time.monotonic() + 60
    while pair.path.exists():
        assert time.monotonic() < deadline
