"""The keyboard-mode scanner, read by the real evdev library in a process with the input shim preloaded."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim.hid_scanner import GroupSeparatorKey, HidScanner
from firmware_sim.shims.build import ShimBuildError, build_evdev_shim, preload_environment
from firmware_sim.us_keyboard import KEY_F8, KEY_LEFTSHIFT, KeyStroke, strokes_of

pytestmark = pytest.mark.hid_stack

_READ_KEYS = """
import sys, evdev
device = evdev.InputDevice(sys.argv[1])
device.grab()
print("name", device.name, flush=True)
try:
    for event in device.read_loop():
        if event.type == evdev.ecodes.EV_KEY:
            print("key", event.code, event.value, flush=True)
except OSError as error:
    print("gone", error.errno, flush=True)
"""


@pytest.fixture
def short_directory() -> Iterator[Path]:
    # A unix socket's path has at most 107 characters; pytest's own temporary directories can be longer.
    with tempfile.TemporaryDirectory(prefix="hid-") as name:
        yield Path(name)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    pytest.importorskip("evdev")
    try:
        return build_evdev_shim(tmp_path)
    except ShimBuildError as error:
        pytest.skip(str(error))


def _start_reader(library: Path, directory: Path, device: str) -> subprocess.Popen[str]:
    environment = os.environ | preload_environment(library, directory)
    return subprocess.Popen(
        [sys.executable, "-c", _READ_KEYS, device], env=environment, stdout=subprocess.PIPE, text=True
    )


def _lines_until(process: subprocess.Popen[str], last: str) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith(last):
            return lines
    raise AssertionError(f"the reader ended without {last!r}: {lines}")


def _wait_for_driver(scanner: HidScanner) -> None:
    deadline = time.monotonic() + 60
    while not scanner.listening:
        assert time.monotonic() < deadline, "no driver opened the device"
        time.sleep(0.01)


def test_evdev_reads_a_scan_with_shift_and_separator_and_hears_of_the_unplugging(
    library: Path, short_directory: Path
) -> None:
    with HidScanner(short_directory, event_number=3, group_separator=GroupSeparatorKey.F8) as scanner:
        reader = _start_reader(library, short_directory, "/dev/input/event3")
        try:
            assert _lines_until(reader, "name") == ["name Simulated barcode scanner (keyboard mode)"]
            _wait_for_driver(scanner)
            assert scanner.scan("A1\x1d")
            assert _lines_until(reader, "key 28 0") == [
                "key 42 1",
                "key 30 1",
                "key 30 0",
                "key 42 0",
                "key 2 1",
                "key 2 0",
                "key 66 1",
                "key 66 0",
                "key 28 1",
                "key 28 0",
            ]
            scanner.unplug()
            assert _lines_until(reader, "gone") == ["gone 19"]
        finally:
            reader.kill()
            reader.communicate()


def test_a_scanner_that_is_not_plugged_in_is_no_such_file(library: Path, short_directory: Path) -> None:
    environment = os.environ | preload_environment(library, short_directory)
    code = "import os\ntry: os.open('/dev/input/event5', os.O_RDWR)\nexcept OSError as error: print(error.errno)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"


def test_a_scan_that_nobody_listens_to_is_lost_and_counted_as_such(short_directory: Path) -> None:
    with HidScanner(short_directory) as scanner:
        assert not scanner.scan("123")


def test_a_scanner_can_be_plugged_in_again_under_the_same_name(short_directory: Path) -> None:
    with HidScanner(short_directory) as scanner:
        scanner.unplug()
        assert not scanner.path.exists()
        scanner.plug()
        assert scanner.path.exists()


def test_the_layout_types_every_character_of_gs1_data() -> None:
    # GenSpecs figure 7.11-1: the 82 characters of GS1 AI encodable character set 82.
    cset82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
    assert len(cset82) == 82
    strokes = strokes_of(cset82, KeyStroke(KEY_F8))
    assert len(set(strokes)) == 82
    assert strokes_of("a", KeyStroke(KEY_F8)) == [KeyStroke(30)]
    assert strokes_of("A", KeyStroke(KEY_F8)) == [KeyStroke(30, KEY_LEFTSHIFT)]


def test_the_substitute_for_the_separator_can_not_be_part_of_gs1_data() -> None:
    assert GroupSeparatorKey.CARET.value == KeyStroke(7, KEY_LEFTSHIFT)


def test_a_character_that_no_us_key_has_is_refused() -> None:
    with pytest.raises(ValueError, match="ễ"):
        strokes_of("Nguyễn", KeyStroke(KEY_F8))
