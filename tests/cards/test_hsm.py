"""The card CA's key in a security module: SoftHSM2 by PKCS#11, as a real module would be asked. Skipped without it."""

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from cards.emergency.record import EmergencyRecord
from cards.emergency.sealing import TerminalKeys, open_record, seal_record
from cards.issuing.card_ca import issue_certificate
from cards.issuing.hsm import HsmKey, HsmSigner, create_ca
from cards.issuing.key_file import IssuingKeys, write_key_file
from cards.issuing.piv_personalisation import PivRequest, personalise_piv
from cards.issuing.signer import SignerError
from cards.reading import read_card
from cards.trust import TrustAnchors
from cards.verification import judge
from firmware_sim.piv_card import PivCard
from gateway.issuing.config import IssuingConfig
from gateway.issuing.keyring import Keyring
from tests.cards.simulated_reader import SimulatedReader

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TOKEN, PIN = "medtap", "user-pin-1"
LIBRARIES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A token of this test's own. The library is told where by the environment, once a process."""
    library = next((each for each in LIBRARIES if each.exists()), None)
    if library is None or not shutil.which("softhsm2-util"):
        pytest.skip("softhsm2-util or its library missing: apt-get install softhsm2")
    pytest.importorskip("pkcs11", reason="pip install 'medtap[hsm]'")
    directory = tmp_path_factory.mktemp("softhsm")
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    patch = pytest.MonkeyPatch()
    patch.setenv("SOFTHSM2_CONF", str(configuration))
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--so-pin", "so-pin-1", "--pin", PIN],
        check=True,
        capture_output=True,
        timeout=60,
    )
    yield library
    patch.undo()


@pytest.fixture(scope="module")
def signer(module: Path) -> HsmSigner:
    where = HsmKey(module, TOKEN, "card-ca-1")
    certificate = create_ca(where, PIN, "Card CA", valid_from=NOW, valid_until=NOW + timedelta(days=900))
    return HsmSigner(where, PIN, certificate)


def test_a_card_whose_certificate_the_module_signed_is_genuine(signer: HsmSigner) -> None:
    key, guid, challenge = ec.generate_private_key(ec.SECP256R1()), bytes(range(16)), bytes(32)
    certificate = issue_certificate(
        signer, guid, key.public_key(), valid_from=NOW, valid_until=NOW + timedelta(days=365)
    )
    signature = key.sign(challenge, ec.ECDSA(hashes.SHA256()))
    anchors = TrustAnchors((signer.certificate,))
    assert judge(certificate, challenge, signature, guid.hex(), anchors, NOW).verdict == "genuine"


def test_an_emergency_record_that_the_module_signed_is_shown(signer: HsmSigner) -> None:
    terminal = ec.generate_private_key(ec.SECP256R1())
    record = EmergencyRecord("0" * 31 + "1", NOW, "Lê An", NOW.date(), "O+")
    sealed = seal_record(record, signer, [terminal.public_key()])
    anchors = TrustAnchors((signer.certificate,))
    assert open_record(sealed, record.card_id, TerminalKeys.of([terminal]), anchors) == record


def test_a_key_is_never_made_over_another(signer: HsmSigner, module: Path) -> None:
    with pytest.raises(SignerError, match="has a key 'card-ca-1' already"):
        create_ca(HsmKey(module, TOKEN, "card-ca-1"), PIN, "x", valid_from=NOW, valid_until=NOW + timedelta(days=1))
    assert signer.sign(b"still there")


@pytest.mark.parametrize(
    ("token", "key", "pin"), [("other", "card-ca-1", PIN), (TOKEN, "other", PIN), (TOKEN, "card-ca-1", "wrong-pin")]
)
def test_what_is_not_there_or_not_allowed_is_said(
    signer: HsmSigner, module: Path, token: str, key: str, pin: str
) -> None:
    with pytest.raises(SignerError, match="look at module, labels and PIN") as refused:
        HsmSigner(HsmKey(module, token, key), pin, signer.certificate).sign(b"x")
    assert PIN not in str(refused.value)


def test_a_module_that_is_not_there_is_said(signer: HsmSigner, tmp_path: Path) -> None:
    with pytest.raises(SignerError, match=r"none\.so"):
        HsmSigner(HsmKey(tmp_path / "none.so", TOKEN, "x"), PIN, signer.certificate).sign(b"x")


def test_without_the_extra_it_is_named(signer: HsmSigner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(SignerError, match=r"pip install 'medtap\[hsm\]'"):
        signer.sign(b"x")


def test_the_issuing_desk_makes_cards_whose_certificates_the_module_signs(
    signer: HsmSigner, module: Path, tmp_path: Path
) -> None:
    keys = IssuingKeys.create("not used", valid_from=NOW, valid_until=NOW + timedelta(days=900))
    write_key_file(tmp_path / "keys.json", keys, "bốn từ không ai nói cùng")
    (tmp_path / "passphrase").write_text("bốn từ không ai nói cùng\n")
    (tmp_path / "pin").write_text(f"{PIN}\n")
    (tmp_path / "ca.pem").write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    config = IssuingConfig(
        key_file=tmp_path / "keys.json",
        passphrase_file=tmp_path / "passphrase",
        module=module,
        token=TOKEN,
        key="card-ca-1",
        pin_file=tmp_path / "pin",
        ca_certificate_file=tmp_path / "ca.pem",
    )
    issuer = Keyring(config).secrets().piv_issuer
    card = PivCard.blank(b"\x04\x11\x22\x33\x44\x55\x66", random.Random(1))  # noqa: S311 - a seeded chip
    asked = PivRequest(NOW, NOW + timedelta(days=365), "271828")
    personalise_piv(SimulatedReader(card), issuer, asked, NOW)
    anchors = TrustAnchors((signer.certificate,))
    assert read_card(SimulatedReader(card), anchors, bytes(32), NOW).verdict == "genuine"
    (tmp_path / "pin").write_text("wrong\n")
    with pytest.raises(SignerError, match="look at module, labels and PIN"):
        Keyring(config).secrets().signer.sign(b"x")
