"""A chaos run that was itself killed leaves nothing mounted for long."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medtap.chaos.faults import Fault, unavailable
from medtap.chaos.leftovers import sweep

pytestmark = pytest.mark.integration

_OWNER = """
import sys
from pathlib import Path
from medtap.chaos.leftovers import owning
from medtap.chaos.network_namespace import NetworkNamespace
from medtap.chaos.small_disk import SmallDisk
with owning():
    SmallDisk(Path(sys.argv[1]), 1)
    print(NetworkNamespace(1).name, flush=True)
    sys.stdin.read()
"""


def _mounted(directory: Path) -> bool:
    return str(directory) in Path("/proc/self/mounts").read_text()


@pytest.mark.skipif(bool(unavailable([Fault.SMALL_DISK, Fault.LINK_DOWN])), reason="needs root and iproute2")
def test_the_disk_and_the_network_of_a_killed_run_are_swept_and_those_of_a_living_one_are_not(tmp_path: Path) -> None:
    directory = tmp_path / "medtap-chaos-test" / "node-1" / "state"
    with subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        namespace = Path("/run/netns", owner.stdout.readline().strip())
        sweep()
        assert _mounted(directory)
        assert namespace.exists()
        os.kill(owner.pid, signal.SIGKILL)
    left = [directory, namespace, tmp_path / "medtap-chaos-test", Path("/run/medtap-chaos", str(owner.pid))]
    deadline = time.monotonic() + 60
    # Another run may be sweeping the same at the same time.
    while (_mounted(directory) or any(path.exists() for path in left)) and time.monotonic() < deadline:
        sweep()
    assert not _mounted(directory)
    assert [path for path in left if path.exists()] == []
