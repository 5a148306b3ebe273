"""The doctor names what is wrong and how to mend it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medtap.cli.doctor import doctor
from medtap.doctor.examination import examine
from medtap.doctor.finding import Finding
from medtap.doctor.machine import storage
from medtap.services.broker import EmbeddedBroker
from medtap.services.ports import free_port


def _named(findings: list[Finding], what: str) -> Finding:
    return next(finding for finding in findings if what in finding.what)


def _edge_config(directory: Path, port: int, scanner: Path) -> Path:
    file = directory / "edge.toml"
    file.write_text(
        f"""
[node]
site = "s"
edge_node = "n"
state_dir = "{directory}"
[broker]
host = "127.0.0.1"
port = {port}
[[device]]
device_id = "scanner"
driver = "serial_scanner"
path = "{scanner}"
"""
    )
    return file


def test_a_healthy_machine_has_nothing_broken() -> None:
    assert [finding for finding in examine() if finding.state == "broken"] == []


def test_every_finding_that_is_not_ok_names_its_mend(tmp_path: Path) -> None:
    findings = examine(edge_config=_edge_config(tmp_path, free_port(), tmp_path / "away"))
    assert all(finding.mend for finding in findings if finding.state != "ok")


def test_a_broker_that_is_away_and_a_scanner_that_is_unplugged_are_broken(tmp_path: Path) -> None:
    findings = examine(edge_config=_edge_config(tmp_path, free_port(), tmp_path / "away"))
    assert _named(findings, "MQTT broker").state == "broken"
    scanner = _named(findings, "device scanner")
    assert (scanner.state, scanner.found) == ("broken", f"there is no {tmp_path / 'away'}")


@pytest.mark.integration
def test_a_broker_that_listens_is_ok(tmp_path: Path, broker: EmbeddedBroker) -> None:
    findings = examine(edge_config=_edge_config(tmp_path, broker.port, tmp_path))
    assert _named(findings, "MQTT broker").state == "ok"


def test_a_wrong_configuration_is_told_with_its_fault(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('[node]\nsite = "UPPER"\n')
    finding = _named(examine(edge_config=file), "edge configuration")
    assert finding.state == "broken"
    assert "UPPER" in finding.found


def test_a_directory_that_cannot_be_written_is_broken(tmp_path: Path) -> None:
    assert storage(tmp_path).state == "ok"
    assert storage(tmp_path / "away").state == "broken"


def test_a_script_reads_the_findings_as_json(tmp_path: Path) -> None:
    import typer  # noqa: PLC0415 - only this test builds an application

    app = typer.Typer()
    app.command()(doctor)
    config = _edge_config(tmp_path, free_port(), tmp_path / "away")
    result = CliRunner().invoke(app, ["--edge-config", str(config), "--json"])
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert said["ok"] is False
    assert {"what", "state", "found", "mend"} == set(said["findings"][0])
