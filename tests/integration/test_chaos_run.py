"""The whole chaos run: real processes survive the core faults, and the harness finds rows that someone took away."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

KEYS = {"generated", "stored", "duplicates", "declared_gaps", "undeclared_lost", "faults", "recovery_s"}


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory for the run's temporary files alone; PostgreSQL's user must be able to pass through it."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def _command(*options: str) -> list[str]:
    return [sys.executable, "-m", "medtap", "chaos", "run", "--json", *options]


def test_a_short_run_with_the_core_faults_loses_nothing_and_leaves_nothing_behind(scratch: Path) -> None:
    done = subprocess.run(
        _command("--seed", "5", "--seconds", "14", "--faults", "core", "--nodes", "2"),
        capture_output=True,
        text=True,
        check=False,
        timeout=850,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert done.returncode == 0, done.stderr + done.stdout
    figures = json.loads(done.stdout)
    assert set(figures) == KEYS
    assert figures["generated"] > 500
    assert figures["stored"] + figures["declared_gaps"] == figures["generated"]
    assert figures["duplicates"] == figures["undeclared_lost"] == 0
    for fault in ("kill_agent", "kill_gateway", "kill_broker", "kill_postgres", "partition", "swap_outbox"):
        assert figures["faults"][fault] > 0, figures["faults"]
    assert set(figures["recovery_s"]) == {fault for fault, count in figures["faults"].items() if count}
    assert list(scratch.iterdir()) == []


def test_rows_deleted_and_doubled_behind_the_gateways_back_are_found(scratch: Path) -> None:
    with subprocess.Popen(
        _command("--seed", "1", "--seconds", "600", "--faults", "kill_agent", "--nodes", "1", "--verbose"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        said: list[str] = []
        for line in run.stderr:
            said.append(line)
            if "database: " in line:
                break
        assert "database: " in "".join(said), "".join(said)
        dsn = said[-1].split("database: ")[1].strip()
        children = psutil.Process(run.pid).children(recursive=True)
        with psycopg.connect(dsn, autocommit=True) as connection:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                row = connection.execute(
                    "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM scan)"
                ).fetchone()
                if row is not None and row[0] > 10 and row[1] > 2:
                    break
                time.sleep(0.05)
            lost = connection.execute(
                "DELETE FROM reading WHERE (epoch_key, seq) IN (SELECT epoch_key, seq FROM reading LIMIT 3)"
            ).rowcount
            # One scan under two numbers: each number is there once, and yet the scan came twice.
            connection.execute(
                "UPDATE scan SET text = (SELECT min(text) FROM scan) WHERE text = (SELECT max(text) FROM scan)"
            )
            doubled = connection.execute("INSERT INTO reading SELECT * FROM reading ORDER BY seq DESC LIMIT 2").rowcount
        # Only now: however late this test is, the run has waited for it. It ends its faults, and draws up the account.
        run.send_signal(signal.SIGINT)
        remarks = run.stderr.read()
        figures = json.loads(run.stdout.read())
        assert run.wait(120) == 1
    assert (lost, doubled) == (3, 2)
    assert (figures["undeclared_lost"], figures["duplicates"]) == (3, 2 + 1)
    assert "lost: node-1 telemetry" in remarks
    assert "too many: epoch" in remarks
    assert "too many: code 'CHAOS-node-1-" in remarks
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert list(scratch.iterdir()) == []


def test_an_unknown_fault_is_refused_with_the_names_that_exist() -> None:
    done = subprocess.run(
        _command("--faults", "kill_everyone"), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "kill_agent" in done.stderr
