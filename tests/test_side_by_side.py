"""The rules of this repository's test runs hold in the processes of pytest-xdist too."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import LONGEST_FIRST, ONE_AFTER_THE_OTHER, group_of

ROOT = Path(__file__).parents[1]
SKIPPED = """
import pytest

@pytest.mark.pcsc_stack
def test_reader():
    pytest.skip("there is no reader")
"""
CARELESS = """
import warnings

def test_careless():
    warnings.warn("this will go", DeprecationWarning)
"""


def _outcome(directory: Path, text: str, *options: str, **environment: str) -> str:
    """What pytest says of a module with this text under this repository's rules, on its last line."""
    (directory / "test_module.py").write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", *options]
    done = subprocess.run(
        [*command, "-c", str(ROOT / "pyproject.toml"), f"--rootdir={directory}", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**clean, **environment},
    )
    return done.stdout.splitlines()[-1]


IN_A_WORKER = ("-n", "1", "--dist", "loadfile")


def test_a_hardware_test_that_is_skipped_has_failed_in_ci_and_only_there(tmp_path: Path) -> None:
    assert _outcome(tmp_path, SKIPPED).startswith("1 skipped")
    assert _outcome(tmp_path, SKIPPED, *IN_A_WORKER, CI="true").startswith("1 failed")


def test_a_warning_is_a_failure(tmp_path: Path) -> None:
    assert _outcome(tmp_path, CARELESS, *IN_A_WORKER).startswith("1 failed")


def test_files_that_share_a_stack_run_one_after_the_other() -> None:
    assert group_of("tests/edge/test_pcsc.py::test_a") == group_of("tests/firmware_sim/test_vpcd.py::test_b[1]")
    assert group_of("tests/gateway/test_stock.py::test_a") == group_of("tests/gateway/test_stock.py::test_b[x::y]")
    assert group_of("tests/gateway/test_stock.py::test_a") != group_of("tests/gateway/test_site_file.py::test_a")


def test_every_group_of_files_is_there() -> None:
    patterns = [*LONGEST_FIRST, *(pattern for _, pattern in ONE_AFTER_THE_OTHER)]
    assert [pattern for pattern in patterns if not list(ROOT.glob(pattern))] == []
