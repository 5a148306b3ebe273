"""A hospital's own broker: mosquitto with TLS and passwords, as a deployment has it, on both sides of the wire."""

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware_sim.serial_scanner import SerialScanner
from gateway.bootstrap import Gateway
from gateway.config import GatewayConfig, HttpConfig, MqttConfig
from medtap.services.ports import free_port, wait_listening

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto_stack, pytest.mark.timeout(120)]

MOSQUITTO = Path("/usr/sbin/mosquitto")


def _certificate(directory: Path) -> None:
    """A self-signed certificate for localhost: `broker.pem` and `broker.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "broker.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "broker.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[int]:
    """Port of a mosquitto that wants TLS and a password; its files are in tmp_path."""
    if not MOSQUITTO.exists():
        pytest.skip("mosquitto is not installed (Debian package mosquitto)")
    _certificate(tmp_path)
    for number, username in enumerate(("gateway", "pharmacy-1")):
        (tmp_path / f"{username}.password").write_text(f"secret of {username}\n")
        create = ["-c"] if number == 0 else []
        command = ["mosquitto_passwd", *create, "-b", str(tmp_path / "passwords"), username, f"secret of {username}"]
        subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    (tmp_path / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\n"
        f"allow_anonymous false\npassword_file {tmp_path}/passwords\nuser root\n"
    )
    log = (tmp_path / "mosquitto.log").open("wb")
    with log, subprocess.Popen([MOSQUITTO, "-c", tmp_path / "mosquitto.conf"], stdout=log, stderr=log) as process:
        try:
            assert wait_listening(port, 60.0)
            yield port
        finally:
            process.terminate()


def _mqtt(directory: Path, port: int, username: str, password_of: str) -> MqttConfig:
    return MqttConfig(
        host="localhost",
        port=port,
        tls=True,
        ca_file=directory / "broker.pem",
        username=username,
        password_file=directory / f"{password_of}.password",
    )


def _edge_config(directory: Path, port: int, scanner: Path) -> Path:
    file = directory / "edge.toml"
    file.write_text(
        f"""
[node]
site = "nhi-dong-1"
edge_node = "pharmacy-1"
state_dir = "state"
[broker]
host = "localhost"
port = {port}
tls = true
ca_file = "broker.pem"
username = "pharmacy-1"
password_file = "pharmacy-1.password"
[[device]]
device_id = "scanner-1"
driver = "serial_scanner"
path = "{scanner}"
"""
    )
    return file


def _eventually(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_a_scan_reaches_the_database_over_tls_with_passwords(secured: int, tmp_path: Path, postgres_dsn: str) -> None:
    config = GatewayConfig(
        dsn=postgres_dsn, mqtt=_mqtt(tmp_path, secured, "gateway", "gateway"), http=HttpConfig(port=0)
    )
    gateway = Gateway(config)
    gateway.start()
    scanner = SerialScanner(tmp_path / "scanner", baud_rate=115200)
    command = [sys.executable, "-m", "medtap", "edge", "run", str(_edge_config(tmp_path, secured, scanner.path))]
    try:
        assert gateway.ingest is not None
        assert gateway.ingest.subscriber.wait_connected(60.0)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
            try:
                _eventually(lambda: scanner.scan("0108938501230010"))

                def stored() -> bool:
                    with psycopg.connect(postgres_dsn) as connection:
                        row = connection.execute("SELECT count(*) FROM scan").fetchone()
                    return row is not None and row[0] > 0

                _eventually(stored)
            finally:
                agent.terminate()
        assert agent.returncode == 0
    finally:
        scanner.close()
        gateway.stop()


def test_a_wrong_password_is_told_and_tried_again_without_a_crash(
    secured: int, tmp_path: Path, postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = _mqtt(tmp_path, secured, "gateway", "pharmacy-1")
    gateway = Gateway(GatewayConfig(dsn=postgres_dsn, mqtt=wrong, http=HttpConfig(port=0)))
    with caplog.at_level(logging.WARNING):
        gateway.start()
        try:
            _eventually(lambda: "not authorised" in caplog.text or "wrong username or password" in caplog.text)
        finally:
            gateway.stop()
    assert "secret" not in caplog.text
