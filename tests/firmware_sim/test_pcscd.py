"""The private pcscd: its readers, its readiness, its end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_sim import pcscd
from firmware_sim.card_faults import UidOnlyCard
from firmware_sim.pcscd import Pcscd, PcscdUnavailableError
from firmware_sim.vpcd import VpcdSlot

DEADLINE_S = 60.0

READ_ALL_UIDS = """
import json, sys, time
from smartcard.System import readers
answers = {}
deadline = time.monotonic() + 60
while len(answers) < int(sys.argv[1]) and time.monotonic() < deadline:
    for reader in readers():
        connection = reader.createConnection()
        try:
            connection.connect()
            data, sw1, sw2 = connection.transmit([0xFF, 0xCA, 0, 0, 0])
        except Exception:
            continue
        finally:
            connection.disconnect()
            connection.release()
        answers[str(reader)] = bytes(data).hex()
    time.sleep(0.02)
print(json.dumps({"readers": [str(reader) for reader in readers()], "uids": answers}))
"""


@pytest.fixture
def daemon_here() -> None:
    reason = pcscd.missing()
    if reason:
        pytest.skip(reason)


def until(ask: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not ask():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S} s"
        time.sleep(0.01)


def runs(process_id: int) -> bool:
    """False for a process that is gone or a zombie."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.pcsc_stack
def test_several_readers_keep_their_order_and_each_its_own_card(daemon_here: None) -> None:
    names = ["ACS ACR1252 [PICC]", "Bàn tiếp đón", "Third"]
    with Pcscd(names) as daemon:
        slots = [VpcdSlot(port) for port in daemon.ports]
        for number, slot in enumerate(slots):
            slot.insert(UidOnlyCard(bytes([8, 0, 0, number])))
        done = subprocess.run(
            [sys.executable, "-c", READ_ALL_UIDS, str(len(names))],
            env={**os.environ, "PCSCLITE_CSOCK_NAME": str(daemon.socket_path)},
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
        for slot in slots:
            slot.remove()
    answer = json.loads(done.stdout)
    assert answer["readers"] == [f"{name} 00 {slot:02d}" for name in names for slot in (0, 1)]
    assert answer["uids"] == {f"{name} 00 00": f"080000{number:02x}" for number, name in enumerate(names)}


@pytest.mark.pcsc_stack
def test_a_killed_starter_leaves_no_daemon_behind(daemon_here: None) -> None:
    starter = """
        import sys, time
        from firmware_sim.pcscd import Pcscd
        daemon = Pcscd()
        daemon.start()
        print(daemon.process_id, daemon.socket_path.parent, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(starter)],
        cwd=Path(pcscd.__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first, directory = process.stdout.readline().split()
        daemon_id = int(first)
        assert runs(daemon_id)
        process.send_signal(signal.SIGKILL)
    until(lambda: not runs(daemon_id), "the daemon's end")
    shutil.rmtree(directory)  # nobody is left who could


@pytest.mark.pcsc_stack
def test_closing_removes_the_socket_and_the_directory(daemon_here: None) -> None:
    daemon = Pcscd()
    daemon.start()
    assert daemon.socket_path.is_socket()
    daemon_id = daemon.process_id
    assert daemon_id is not None
    daemon.close()
    assert not daemon.socket_path.parent.exists()
    assert not runs(daemon_id)


@pytest.mark.pcsc_stack
def test_a_daemon_that_died_by_itself_is_started_anew(daemon_here: None) -> None:
    with Pcscd() as daemon:
        first = daemon.process_id
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: daemon.process_id is None, "the kill")
        daemon.start()
        assert daemon.process_id not in (None, first)


def test_what_is_missing_is_named_with_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    absent = tmp_path / "pcscd"
    monkeypatch.setattr(pcscd, "_DAEMON", absent)
    assert pcscd.missing() == f"{absent} is missing: apt-get install pcscd"
    with pytest.raises(PcscdUnavailableError, match="apt-get install pcscd"):
        Pcscd().start()


@pytest.mark.pcsc_stack
def test_a_daemon_that_does_not_start_says_what_it_said(daemon_here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcscd, "_DAEMON", Path("/bin/false"))
    daemon = Pcscd()
    with pytest.raises(PcscdUnavailableError, match="pcscd did not start; its log ends: ''"):
        daemon.start()
    daemon.close()


@pytest.mark.parametrize("names", [[], ["x"] * 9, ['a"b'], ["a\nb"]])
def test_impossible_readers_are_refused_by_name(names: list[str]) -> None:
    with pytest.raises(ValueError, match="expected one to eight names without quotation marks"):
        Pcscd(names)
