"""The control socket: JSON lines, clear refusals, one world in a directory."""

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.client import ControlClient
from firmware_sim.control import CommandError, ControlServer, WorldInUseError


def _do(command: dict[str, Any]) -> dict[str, Any]:
    if command.get("do") == "echo":
        return {"said": command["text"]}
    if command.get("do") == "break":
        raise ZeroDivisionError("by zero")
    raise CommandError(f"do is {command.get('do')!r}: expected one of echo, break")


@pytest.fixture
def path() -> Iterator[Path]:
    # A unix socket's path has at most 107 characters; pytest's own temporary directories can be longer.
    with tempfile.TemporaryDirectory(prefix="ctl-") as name:
        yield Path(name) / "control.sock"


@pytest.fixture
def server(path: Path) -> Iterator[ControlServer]:
    running = ControlServer(path, _do)
    yield running
    running.close()


def _raw(path: Path, sent: bytes) -> list[dict[str, Any]]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as lines:
            return [json.loads(line) for line in lines]


@pytest.mark.usefixtures("server")
def test_a_command_is_answered(path: Path) -> None:
    assert ControlClient(path).do(do="echo", text="chào bé") == {"ok": True, "said": "chào bé"}


@pytest.mark.usefixtures("server")
def test_several_commands_on_one_connection_are_answered_in_order(path: Path) -> None:
    lines = b"".join(json.dumps({"do": "echo", "text": text}).encode() + b"\n" for text in "abc")
    assert [reply["said"] for reply in _raw(path, lines)] == ["a", "b", "c"]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json\n", "not JSON"),
        (b"\xff\xfe\n", "not JSON"),
        (b"[1, 2]\n", "expected an object"),
        (b'{"do": "fly"}\n', "expected one of echo, break"),
        (b'{"do": "break"}\n', "ZeroDivisionError"),
        (b'{"do": "echo", "text": "' + b"x" * 70_000 + b'"}\n', "longer than"),
    ],
)
def test_what_can_not_be_done_is_refused_with_its_reason(path: Path, line: bytes, reason: str) -> None:
    reply = _raw(path, line)[0]
    assert reply["ok"] is False
    assert reason in reply["error"]
    assert ControlClient(path).do(do="echo", text="still there")["ok"]


@pytest.mark.usefixtures("server")
def test_many_clients_at_once_each_get_their_own_answer(path: Path) -> None:
    replies: dict[int, object] = {}

    def ask(number: int) -> None:
        replies[number] = ControlClient(path).do(do="echo", text=number)["said"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == {number: number for number in range(20)}


@pytest.mark.usefixtures("server")
def test_a_second_world_in_the_same_directory_is_refused(path: Path) -> None:
    with pytest.raises(WorldInUseError, match="answers on"):
        ControlServer(path, _do)


def test_the_socket_of_a_killed_world_is_taken_over(path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    server = ControlServer(path, _do)
    assert ControlClient(path).do(do="echo", text=1)["ok"]
    server.close()
    assert not path.exists()


def test_a_path_too_long_for_a_socket_is_refused_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(WorldInUseError, match="shorter name"):
        ControlServer(tmp_path / ("x" * 100) / "control.sock", _do)


def test_where_no_world_runs_the_client_says_so(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ControlClient(path).do(do="counts")


def test_a_world_that_ends_before_it_answers_is_an_error(path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def hang_up() -> None:
        connection, _ = listener.accept()
        connection.recv(100)
        connection.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    with pytest.raises(ConnectionError, match="before it answered"):
        ControlClient(path).do(do="counts")
    thread.join()
    listener.close()
