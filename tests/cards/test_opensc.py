"""Someone else's programs on our cards: OpenSC, through pcscd, reads, proves and personalises what we make.

A simulator that only its own reader understands proves nothing. Needs Debian's opensc beside pcscd and vpcd.
"""

import os
import random
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from cards.issuing.card_ca import issue_certificate
from cards.issuing.key_file import IssuingKeys
from cards.issuing.piv_personalisation import PivIssuer, PivRequest, personalise_piv
from cards.piv_objects import chuid
from cards.reading import read_card
from cards.tlv import encode_tlv
from firmware_sim.piv_card import PivCard
from firmware_sim.piv_keys import FACTORY_MANAGEMENT_KEY
from tests.cards.simulated_reader import SimulatedReader
from tests.pcsc_fixture import PcscSlot, pcsc_slot, pcscd_daemon

__all__ = ("pcsc_slot", "pcscd_daemon")  # fixtures are found by being here

pytestmark = pytest.mark.pcsc_stack

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
KEYS = IssuingKeys.create("Test card CA", valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=3650))
ISSUER = PivIssuer(KEYS, KEYS.piv_masters, 1)
PIN = "271828"
GUID = bytes.fromhex("00112233445546778899aabbccddeeff")
MODULES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib")
PROGRAM_TIMEOUT_S = 90
NOTICE_DEADLINE_S = 60
REFUSED = 255
GENERATE_9E = "00:47:00:9E:05:AC:03:80:01:11:00"


def _blank() -> PivCard:
    return PivCard.blank(b"\x04\x11\x22\x33\x44\x55\x66", random.Random(21))  # noqa: S311 - a seeded chip


@pytest.fixture(scope="module")
def issued() -> PivCard:
    """A card that our own issuing made from a blank one."""
    card = _blank()
    request = PivRequest(NOW, NOW + timedelta(days=365), PIN, draw_guid=lambda: GUID)
    personalise_piv(SimulatedReader(card), ISSUER, request, NOW)
    return card


class OpenSc:
    """Its programs, with the reader where the card lies."""

    def __init__(self, slot: PcscSlot, directory: Path) -> None:
        """`directory` is for files of a test."""
        self._slot = slot
        self.directory = directory

    def lay(self, card: PivCard) -> None:
        """Lay a card on the reader, and wait until OpenSC sees it: pcscd looks every 0.4 s."""
        self._slot.insert(card)
        deadline = time.monotonic() + NOTICE_DEADLINE_S
        while self._done("opensc-tool", ("--atr",)).stdout.strip().replace(":", "") != card.atr.hex():
            assert time.monotonic() < deadline, f"OpenSC saw no card within {NOTICE_DEADLINE_S} s"
            time.sleep(0.05)

    def run(self, program: str, *arguments: str, expected: int | None = 0, **environment: str) -> str:
        """One program's output; `expected=None` where its exit code says nothing."""
        done = self._done(program, arguments, **environment)
        assert expected in (None, done.returncode), (program, arguments, done.stdout, done.stderr)
        return done.stdout

    def _done(self, program: str, arguments: tuple[str, ...], **environment: str) -> subprocess.CompletedProcess[str]:
        """Its own cache and configuration stay out of it."""
        given = {
            **os.environ,
            "PCSCLITE_CSOCK_NAME": str(self._slot.socket_path),
            "OPENSC_CONF": "/dev/null",
            "HOME": str(self.directory),
            **environment,
        }
        return subprocess.run(
            [program, *arguments],
            env=given,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=PROGRAM_TIMEOUT_S,
            check=False,
        )


@pytest.fixture
def opensc(pcsc_slot: PcscSlot, tmp_path: Path) -> OpenSc:
    missing = [name for name in ("opensc-tool", "piv-tool", "pkcs15-tool", "pkcs11-tool") if not shutil.which(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing: apt-get install opensc")
    return OpenSc(pcsc_slot, tmp_path)


def test_opensc_knows_an_issued_card_and_its_certificate(opensc: OpenSc, issued: PivCard) -> None:
    opensc.lay(issued)
    assert opensc.run("piv-tool", "--name").strip() == "Personal Identity Verification Card"
    listed = opensc.run("pkcs15-tool", "--list-certificates", "--list-keys", "--list-pins", "--list-data-objects")
    assert "Certificate for Card Authentication" in listed
    assert "CARD AUTH key" in listed
    assert "PIV PUK" in listed
    assert GUID.hex().upper() in listed.replace("\n", "").replace(" ", "")
    pem = opensc.run("pkcs15-tool", "--read-certificate", "04")
    certificate = x509.load_pem_x509_certificate(pem.encode())
    certificate.verify_directly_issued_by(KEYS.certificate)


def test_opensc_lets_the_card_prove_its_key(opensc: OpenSc, issued: PivCard) -> None:
    """ECDSA through PKCS#11, as a browser or an SSH client would ask for it."""
    opensc.lay(issued)
    module = next((f"{each}/opensc-pkcs11.so" for each in MODULES if Path(each, "opensc-pkcs11.so").exists()), "")
    if not module:
        pytest.skip("opensc-pkcs11.so missing: apt-get install opensc-pkcs11")
    challenge = bytes(range(32))
    (opensc.directory / "digest").write_bytes(_sha256(challenge))
    # the key of slot 9E is bound to the first token, which asks for no PIN
    opensc.run(
        "pkcs11-tool", "--module", module, "--sign", "--mechanism", "ECDSA", "--id", "04",
        "--login", "--pin", PIN, "--input-file", "digest", "--output-file", "signature",
    )  # fmt: skip
    raw = (opensc.directory / "signature").read_bytes()
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key = x509.load_der_x509_certificate(
        personalise_piv(SimulatedReader(issued), ISSUER, PivRequest(NOW, NOW, PIN), NOW).certificate_der
    ).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(encode_dss_signature(r, s), challenge, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(encode_dss_signature(r, s), b"another", ec.ECDSA(hashes.SHA256()))


def _sha256(message: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(message)
    return digest.finalize()


def test_opensc_verifies_changes_and_is_refused_the_pin(opensc: OpenSc) -> None:
    card = _blank()
    request = PivRequest(NOW, NOW + timedelta(days=365), PIN, draw_guid=lambda: GUID)
    personalise_piv(SimulatedReader(card), ISSUER, request, NOW)
    opensc.lay(card)
    opensc.run("pkcs15-tool", "--verify-pin", "--auth-id", "01", "--pin", PIN)
    opensc.run("pkcs15-tool", "--change-pin", "--auth-id", "01", "--pin", PIN, "--new-pin", "161803")
    opensc.run("pkcs15-tool", "--verify-pin", "--auth-id", "01", "--pin", PIN, expected=REFUSED)
    assert card.pin.tries == card.pin.tries_max - 1
    opensc.run("pkcs15-tool", "--verify-pin", "--auth-id", "01", "--pin", "161803")
    assert card.pin.tries == card.pin.tries_max


def test_a_card_that_opensc_personalised_is_genuine_to_our_reader(opensc: OpenSc) -> None:
    card = _blank()
    opensc.lay(card)
    key_file = opensc.directory / "management-key"
    key_file.write_text(":".join(f"{byte:02x}" for byte in FACTORY_MANAGEMENT_KEY))
    admin = ("--admin", "M:9B:03")
    # --genkey of version 0.23 generates, and then can't print a public key of an elliptic curve
    said = opensc.run("piv-tool", *admin, "--send-apdu", GENERATE_9E, PIV_EXT_AUTH_KEY=str(key_file))
    answer = bytes.fromhex("".join(re.findall(r"^((?:[0-9A-F]{2} ){1,16})", said, re.MULTILINE)))
    assert answer[:5] == bytes.fromhex("7f49438641")
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), answer[5:])
    certificate = issue_certificate(KEYS, GUID, public_key, valid_from=NOW, valid_until=NOW + timedelta(days=30))
    pem = x509.load_der_x509_certificate(certificate).public_bytes(serialization.Encoding.PEM)
    (opensc.directory / "certificate.pem").write_bytes(pem)
    (opensc.directory / "chuid").write_bytes(encode_tlv(0x53, chuid(GUID, (NOW + timedelta(days=30)).date())))
    for arguments in (("--cert", "9E", "--in", "certificate.pem"), ("--object", "3000", "--in", "chuid")):
        # its exit code is the number of bytes written, modulo 256
        opensc.run("piv-tool", *admin, *arguments, expected=None, PIV_EXT_AUTH_KEY=str(key_file))
    found = read_card(SimulatedReader(card), ISSUER.anchors, bytes(32), NOW)
    assert (found.verdict, found.card_id, found.reason) == ("genuine", GUID.hex(), "")
