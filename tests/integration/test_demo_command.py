"""The `medtap demo` command as a script and a person use it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from medtap.services.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

KEYS = {
    "ready_seconds",
    "readings_generated",
    "readings_stored",
    "duplicates",
    "check_ins",
    "movements",
    "alarms",
    "pages_sent",
    "dead_letters",
}


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory for temporary files of the demo alone; PostgreSQL's user must be able to pass through it."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def test_a_headless_play_stores_each_reading_once_and_says_so_in_one_json_object(scratch: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "medtap", "demo", "--headless", "--seconds", "30", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    figures = json.loads(lines[0])
    assert set(figures) == KEYS
    assert figures["ready_seconds"] > 0
    assert figures["readings_generated"] > 0
    assert figures["readings_stored"] == figures["readings_generated"]
    assert figures["duplicates"] == 0
    assert figures["dead_letters"] == 0
    assert figures["check_ins"] > 0
    assert figures["movements"] > 0
    assert figures["alarms"] > 0
    assert figures["pages_sent"] > 0
    assert list(scratch.iterdir()) == []


def test_ctrl_c_ends_the_demo_and_leaves_nothing_behind(scratch: Path) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "medtap", "demo", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as demo:
        assert demo.stdout is not None
        said = []
        for line in demo.stdout:
            said.append(line)
            if "Stop with Ctrl-C" in line:
                break
        children = psutil.Process(demo.pid).children(recursive=True)
        assert len(children) >= 7, said  # database and its workers, broker, silicon, gateway, three edge nodes
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
        assert demo.wait(60) == 0, rest
    assert f"http://127.0.0.1:{port}" in "".join(said)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert list(scratch.iterdir()) == []
