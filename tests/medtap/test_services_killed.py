"""What is left of services whose owner was killed: no process, and after the next start no directory."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from medtap.services.broker import EmbeddedBroker
from medtap.services.directories import OWNER_FILE, OwnedDirectory, sweep
from medtap.services.ports import ReservedPort, free_port, is_listening

BOTH = """
import sys
from medtap.services.broker import EmbeddedBroker
from medtap.services.postgres import EmbeddedPostgres
services = (EmbeddedPostgres(durable=False), EmbeddedBroker())
for service in services:
    service.start()
print("ready", flush=True)
sys.stdin.read()
for service in services:
    service.stop()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for temporary files; PostgreSQL's user must be able to pass through it."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def _start(place: Path) -> subprocess.Popen[str]:
    owner = subprocess.Popen(
        [sys.executable, "-c", BOTH],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(place)},
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "ready\n"
    return owner


def _end(owner: subprocess.Popen[str], with_signal: signal.Signals | None = None) -> None:
    if with_signal is not None:
        owner.send_signal(with_signal)
    owner.communicate()


def _left_of(children: list[psutil.Process]) -> list[psutil.Process]:
    return [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def _eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


@pytest.mark.integration
def test_a_killed_owner_leaves_no_process_and_the_next_start_sweeps_its_directories(place: Path) -> None:
    killed = _start(place)
    children = psutil.Process(killed.pid).children(recursive=True)
    assert len(children) >= 2
    _end(killed, signal.SIGKILL)
    _eventually(lambda: _left_of(children) == [])
    left = set(place.iterdir())
    assert {path.name.rpartition("-")[0] for path in left} == {"medtap-pg", "medtap-mqtt"}
    following = _start(place)
    assert not left & set(place.iterdir())
    _end(following)
    assert list(place.iterdir()) == []


@pytest.mark.integration
def test_the_directory_of_a_running_service_is_not_swept_by_another_process(place: Path) -> None:
    running = _start(place)
    before = set(place.iterdir())
    assert len(before) == 2
    swept = "from medtap.services.directories import sweep; print(sweep())"
    environment = {**os.environ, "TMPDIR": str(place)}
    done = subprocess.run([sys.executable, "-c", swept], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "()\n"
    assert set(place.iterdir()) == before
    _end(running)


def _hold(lock: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, text=True, pass_fds=(lock,)
    )


def test_a_child_that_outlives_its_owner_keeps_the_directory_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    directory = OwnedDirectory("medtap-pg-")
    (directory.path / "data").mkdir()
    (directory.path / "data" / "table").write_text("rows")
    child = _hold(directory.lock)
    os.close(directory.lock)  # as the kernel does when the owner is killed
    assert sweep() == ()
    child.communicate()
    assert sweep() == (directory.path,)
    assert list(tmp_path.iterdir()) == []


def test_only_directories_that_name_an_owner_are_swept(tmp_path: Path) -> None:
    (tmp_path / "medtap-of-a-person").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / OWNER_FILE).write_text("1\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / OWNER_FILE).write_text("1\n")
    (tmp_path / "medtap-link").symlink_to(elsewhere)
    half_made = tmp_path / "medtap-pg-half"
    half_made.mkdir()
    (half_made / f"{OWNER_FILE}.new").touch()
    assert sweep(tmp_path) == ()
    assert len(list(tmp_path.iterdir())) == 5
    assert (elsewhere / OWNER_FILE).exists()


def test_a_reserved_port_is_given_to_nobody_else_and_refuses_while_no_server_is_on_it() -> None:
    reserved = ReservedPort()
    assert not is_listening(reserved.number)
    assert reserved.number not in {free_port() for _ in range(500)}


@pytest.mark.integration
def test_a_broker_listens_on_its_reserved_port_again_after_each_kill(own_broker: EmbeddedBroker) -> None:
    port = own_broker.port
    for _ in range(2):
        own_broker.kill()
        assert not is_listening(port)
        own_broker.start()
        assert own_broker.port == port
        assert own_broker.answers(30.0)
