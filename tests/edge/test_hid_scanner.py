"""Barcode scanners that type: key codes into codes, and the driver over the real evdev library."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.line_assembler import LINE_BYTES_MAX, Line, Refused
from edge.drivers.us_keyboard import Damaged, UsKeyboard
from firmware_sim.hid_scanner import GroupSeparatorKey, HidScanner
from firmware_sim.shims.build import ShimBuildError, build_evdev_shim, preload_environment
from firmware_sim.us_keyboard import KeyStroke, strokes_of

ENTER, LEFT_SHIFT, RIGHT_SHIFT, LEFT_CTRL, LEFT_ALT, CAPS_LOCK, F8, BRACKET = 28, 42, 54, 29, 56, 58, 66, 27
PAD = dict(zip("7894561230", (71, 72, 73, 75, 76, 77, 79, 80, 81, 82), strict=True))
PACK = "]d2010893702510123017270531" + "10LOT4711" + "\x1d" + "21Sn-0001"
Done = Line | Refused | Damaged


def press(keyboard: UsKeyboard, *codes: int) -> list[Done]:
    """Press keys together and release them in reverse order."""
    out = [keyboard.key(code, 1) for code in codes] + [keyboard.key(code, 0) for code in reversed(codes)]
    return [done for done in out if done is not None]


def type_text(keyboard: UsKeyboard, text: str, separator: KeyStroke) -> list[Done]:
    out: list[Done] = []
    for stroke in strokes_of(text, separator):
        out += press(keyboard, *([stroke.modifier] if stroke.modifier is not None else []), stroke.code)
    return out


@pytest.mark.parametrize("separator", [GroupSeparatorKey.F8, GroupSeparatorKey.CTRL_RIGHT_BRACKET])
def test_a_gs1_code_is_read_with_its_separator(separator: GroupSeparatorKey) -> None:
    keyboard = UsKeyboard()
    assert type_text(keyboard, PACK, separator.value) == []
    assert press(keyboard, ENTER) == [Line(PACK.encode())]


@given(st.text(alphabet=[chr(code) for code in range(0x20, 0x7F)] + ["\x1d"], min_size=1, max_size=60))
def test_every_printable_character_is_read_as_the_scanner_typed_it(text: str) -> None:
    keyboard = UsKeyboard()
    type_text(keyboard, text, GroupSeparatorKey.F8.value)
    assert press(keyboard, ENTER) == [Line(text.encode())]


def test_caps_lock_and_its_like_change_nothing() -> None:
    keyboard = UsKeyboard()
    press(keyboard, CAPS_LOCK)
    press(keyboard, 69)
    type_text(keyboard, "aB", KeyStroke(F8))
    press(keyboard, CAPS_LOCK)
    assert press(keyboard, ENTER) == [Line(b"aB")]


def test_the_separator_may_come_as_alt_and_its_number() -> None:
    keyboard = UsKeyboard()
    press(keyboard, 30)
    keyboard.key(LEFT_ALT, 1)
    for digit in "029":
        press(keyboard, PAD[digit])
    keyboard.key(LEFT_ALT, 0)
    press(keyboard, PAD["4"])
    assert press(keyboard, ENTER) == [Line(b"a\x1d4")]


def test_keys_of_the_number_pad_are_digits_whatever_num_lock_says() -> None:
    keyboard = UsKeyboard()
    for digit in "8931":
        press(keyboard, PAD[digit])
    assert press(keyboard, 96) == [Line(b"8931")]


def test_a_held_key_that_repeats_is_one_character() -> None:
    keyboard = UsKeyboard()
    for value in (1, 2, 2, 0):
        keyboard.key(30, value)
    assert press(keyboard, ENTER) == [Line(b"a")]


def test_either_shift_key_will_do_and_both_are_let_go() -> None:
    keyboard = UsKeyboard()
    press(keyboard, RIGHT_SHIFT, 30)
    press(keyboard, LEFT_SHIFT, RIGHT_SHIFT, 30)
    press(keyboard, 30)
    assert press(keyboard, ENTER) == [Line(b"AAa")]


def test_enter_alone_is_no_code() -> None:
    assert press(UsKeyboard(), ENTER) == []


def test_a_key_that_no_us_keyboard_has_damages_its_code_and_no_other() -> None:
    keyboard = UsKeyboard()
    press(keyboard, 30)
    press(keyboard, 86)
    mend = "set the scanner's keyboard country to US"
    assert press(keyboard, ENTER) == [
        Damaged("bad_reply", b"a", f"key code 86 is none of a code on a US keyboard: {mend}")
    ]
    press(keyboard, 48)
    assert press(keyboard, ENTER) == [Line(b"b")]


def test_lost_events_damage_the_code_they_were_lost_from() -> None:
    keyboard = UsKeyboard()
    keyboard.key(LEFT_SHIFT, 1)
    press(keyboard, 30)
    keyboard.lost()
    press(keyboard, 48)
    assert press(keyboard, ENTER) == [Damaged("bad_reply", b"Ab", "key events were lost: scan again")]


def test_half_a_code_is_given_up_once() -> None:
    keyboard = UsKeyboard()
    press(keyboard, 30)
    assert keyboard.give_up() == Refused("incomplete_scan", b"a")
    assert keyboard.give_up() is None


def test_an_endless_code_is_refused_when_it_ends_and_takes_no_memory_before() -> None:
    keyboard = UsKeyboard()
    for _ in range(3 * LINE_BYTES_MAX):
        press(keyboard, 30)
    assert len(keyboard.text) == LINE_BYTES_MAX + 1
    assert press(keyboard, ENTER) == [Refused("oversized_scan", b"a" * (LINE_BYTES_MAX + 1))]


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2)), max_size=200))
def test_arbitrary_keys_never_fail(events: list[tuple[int, int]]) -> None:
    keyboard = UsKeyboard()
    for code, value in events:
        done = keyboard.key(code, value)
        assert done is None or isinstance(done, Line | Refused | Damaged)


AGENT = textwrap.dedent("""
    import json, sys, threading
    from pathlib import Path
    from edge.drivers import hid_scanner
    from edge.drivers.hid_scanner import HidScannerDriver
    from tests.edge.fake_session import FakeSession, RunningDriver

    hid_scanner.IDLE_TIMEOUT_NS = 4_000_000_000  # a busy machine's pause between two keys ends no code

    class Telling(FakeSession):
        def tell(self, what, *values):
            print(json.dumps([what, *values]), flush=True)
        def up(self, detail=""):
            super().up(detail); self.tell("up", detail)
        def emit(self, observation):
            super().emit(observation); self.tell("scan", observation.text)
        def fault(self, code, detail, raw=b""):
            super().fault(code, detail, raw); self.tell("fault", code, raw.decode())
        def lost(self, error):
            super().lost(error); self.tell("lost", str(error))

    with RunningDriver(HidScannerDriver(device_id="scanner", path=Path("/dev/input/event0")), Telling()):
        sys.stdin.read()
    print(json.dumps(["end"]), flush=True)
""")


class Agent:
    """A process that runs the driver, with the input shim preloaded; says each thing that happens as a line of JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.said: list[list[str]] = []

    def until(self, *said: str) -> list[str]:
        """Read on until a line begins with `said`; the test's own timeout ends a wait in vain."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))
            if self.said[-1][: len(said)] == list(said):
                return self.said[-1]
        raise AssertionError(f"the agent ended without {said!r}: {self.said}")

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.until("end")


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


@contextmanager
def agent(library: Path, directory: Path) -> Iterator[Agent]:
    environment = os.environ | preload_environment(library, directory)
    process = subprocess.Popen(
        [sys.executable, "-c", AGENT],
        env=environment,
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Agent(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def wait_until_heard(scanner: HidScanner) -> None:
    deadline_s = time.monotonic() + 60
    while not scanner.listening:
        assert time.monotonic() < deadline_s, "no driver opened the device"
        time.sleep(0.01)


@pytest.mark.hid_stack
def test_the_driver_reads_codes_half_codes_and_a_replugged_scanner(library: Path, short_directory: Path) -> None:
    with (
        HidScanner(short_directory, group_separator=GroupSeparatorKey.CTRL_RIGHT_BRACKET) as scanner,
        agent(library, short_directory) as node,
    ):
        assert node.until("up") == ["up", "Simulated barcode scanner (keyboard mode)"]
        wait_until_heard(scanner)
        assert scanner.scan(PACK)
        assert node.until("scan") == ["scan", PACK]
        assert scanner.half_scan(PACK)
        assert node.until("fault") == ["fault", "incomplete_scan", PACK[: len(PACK) // 2]]
        assert scanner.scan("next")
        assert node.until("scan") == ["scan", "next"]
        scanner.unplug()
        assert node.until("lost")[1].endswith("No such device): plug the scanner in")
        assert "cannot be opened" in node.until("lost")[1]
        scanner.plug()
        node.until("up")
        wait_until_heard(scanner)
        assert scanner.scan(PACK)
        assert node.until("scan") == ["scan", PACK]
        node.stop()


@pytest.mark.hid_stack
def test_a_scanner_that_is_not_plugged_in_is_waited_for(library: Path, short_directory: Path) -> None:
    with agent(library, short_directory) as node:
        assert node.until("lost")[1].endswith("): plug the scanner in")
        with HidScanner(short_directory) as scanner:
            node.until("up")
            wait_until_heard(scanner)
            assert scanner.scan("4711")
            node.until("scan", "4711")
        node.stop()
