"""The card CA and its sealed file: what it issues is what readers trust, and it opens for its passphrase alone."""

import json
import random
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cards.emergency.record import EmergencyRecord
from cards.emergency.sealing import RecordNotForUsError, TerminalKeys, open_record, seal_record
from cards.issuing import key_file
from cards.issuing.card_ca import issue_certificate
from cards.issuing.key_file import (
    IssuingKeys,
    KeyFileError,
    read_key_file,
    seal,
    unseal,
    write_key_file,
    write_terminal_keys,
)
from cards.issuing.signer import SignerError
from cards.trust import TrustAnchors
from cards.verification import judge

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
KEYS = IssuingKeys.create(
    "Bệnh viện Nhi, thẻ", valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=900)
)
GUID = bytes(range(16))
PASSPHRASE = "bốn con mèo trên mái"  # noqa: S105 - of this test
SEALED = seal(KEYS, PASSPHRASE)


def issue(key: ec.EllipticCurvePrivateKey, days: int = 365) -> bytes:
    return issue_certificate(KEYS, GUID, key.public_key(), valid_from=NOW, valid_until=NOW + timedelta(days=days))


def test_a_card_with_an_issued_certificate_is_genuine() -> None:
    key, challenge = ec.generate_private_key(ec.SECP256R1()), bytes(32)
    certificate = issue(key)
    anchors = TrustAnchors((KEYS.ca_certificate,))
    signature = key.sign(challenge, ec.ECDSA(hashes.SHA256()))
    assert judge(certificate, challenge, signature, GUID.hex(), anchors, NOW).verdict == "genuine"
    assert TrustAnchors.from_pem(KEYS.ca_certificate.public_bytes(serialization.Encoding.PEM)) == anchors


def test_no_person_stands_in_a_cards_certificate() -> None:
    certificate = x509.load_der_x509_certificate(issue(ec.generate_private_key(ec.SECP256R1())))
    assert [each.oid for each in certificate.subject] == [x509.NameOID.SERIAL_NUMBER]


def test_a_card_does_not_outlive_its_ca() -> None:
    with pytest.raises(ValueError, match="renew the card CA first"):
        issue(ec.generate_private_key(ec.SECP256R1()), days=901)


def test_a_key_that_is_not_the_cas_issues_nothing() -> None:
    class Wrong:
        certificate = KEYS.ca_certificate

        def sign(self, message: bytes) -> bytes:
            return ec.generate_private_key(ec.SECP256R1()).sign(message, ec.ECDSA(hashes.SHA256()))

    with pytest.raises(SignerError, match="does not belong to its certificate"):
        issue_certificate(
            Wrong(),
            GUID,
            ec.generate_private_key(ec.SECP256R1()).public_key(),
            valid_from=NOW,
            valid_until=NOW + timedelta(days=1),
        )


def test_the_file_opens_for_its_passphrase_alone(tmp_path: Path) -> None:
    file = tmp_path / "issuing-keys.json"
    write_key_file(file, KEYS, PASSPHRASE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    opened = read_key_file(file, PASSPHRASE)
    assert opened.ca_key.private_numbers() == KEYS.ca_key.private_numbers()
    assert len(opened.terminal_keys) == len(KEYS.terminal_keys) == 1
    assert (opened.ca_certificate, opened.tag_masters, opened.piv_masters) == (
        KEYS.ca_certificate,
        KEYS.tag_masters,
        KEYS.piv_masters,
    )
    with pytest.raises(KeyFileError, match="another passphrase"):
        read_key_file(file, PASSPHRASE + " ")
    with pytest.raises(KeyFileError, match="never overwritten by accident"):
        write_key_file(file, KEYS, PASSPHRASE)
    with pytest.raises(KeyFileError, match="not read from"):
        read_key_file(tmp_path / "none", PASSPHRASE)
    write_key_file(file, KEYS.rotated(), PASSPHRASE, replacing=True)
    assert read_key_file(file, PASSPHRASE).tag_masters.current == 2
    assert list(tmp_path.iterdir()) == [file]


def test_nothing_secret_can_be_read_in_the_file() -> None:
    for secret in (*KEYS.tag_masters.by_version.values(), *KEYS.piv_masters.values()):
        assert secret not in SEALED
    assert "ca_key" not in SEALED.decode()
    assert "IssuingKeys object" in repr(KEYS)


def test_a_passphrase_that_is_soon_guessed_seals_nothing() -> None:
    with pytest.raises(KeyFileError, match="expected at least 12"):
        seal(KEYS, "12345678901")


def test_a_file_that_was_changed_anywhere_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed at a low cost, so that a thousand changes can be tried in no time; that cost is authenticated, too."""
    value = json.loads(SEALED)
    value["kdf"]["scrypt"]["n"] = 2
    with pytest.raises(KeyFileError, match="damaged"):
        unseal(json.dumps(value).encode(), PASSPHRASE)
    monkeypatch.setattr(key_file, "_SCRYPT_N", 2)
    cheap = seal(KEYS, PASSPHRASE)
    assert unseal(cheap, PASSPHRASE).ca_certificate == KEYS.ca_certificate
    rng = random.Random(1)  # noqa: S311 - a seeded choice
    for _ in range(1000):
        changed = bytearray(cheap)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        with pytest.raises(KeyFileError):
            unseal(bytes(changed), PASSPHRASE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b'{"medtap_issuing_keys": 2}',
        b"[" * 5000,
        b"\xff",
        SEALED.replace(b"32768", b"99999999999"),
        SEALED.replace(b"32768", b"1"),
        SEALED.replace(b'"p": 1', b'"p": 2'),
        b" " * 70_000,
    ],
)
def test_what_is_no_such_file_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(KeyFileError, match="not a file of issuing keys"):
        unseal(content, PASSPHRASE)


def test_a_terminal_reads_what_was_sealed_for_its_generation_and_the_one_after(tmp_path: Path) -> None:
    def readable(sealed_by: IssuingKeys, terminal: TerminalKeys, generations: int = 2) -> bool:
        record = EmergencyRecord(GUID.hex(), NOW, "Lê An", NOW.date())
        sealed = seal_record(record, sealed_by, sealed_by.terminal_public_keys(generations))
        try:
            return open_record(sealed, GUID.hex(), terminal, TrustAnchors((KEYS.certificate,))) == record
        except RecordNotForUsError:
            return False

    write_terminal_keys(tmp_path / "terminal.pem", KEYS)
    assert stat.S_IMODE((tmp_path / "terminal.pem").stat().st_mode) == 0o600
    old = TerminalKeys.from_pem((tmp_path / "terminal.pem").read_bytes())
    following = KEYS.with_new_terminal_key()
    write_terminal_keys(tmp_path / "newer.pem", following)
    newer = TerminalKeys.from_pem((tmp_path / "newer.pem").read_bytes())
    assert len(newer.by_id) == 2
    assert readable(KEYS, old)
    assert readable(KEYS, newer)
    assert readable(following, old)
    assert readable(following, newer)
    assert not readable(following, old, generations=1)  # a stolen terminal is left behind
    assert not readable(following.with_new_terminal_key(), old)
    with pytest.raises(KeyFileError, match="never overwritten"):
        write_terminal_keys(tmp_path / "newer.pem", following)


@pytest.mark.parametrize("pem", [b"", b"nothing", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_without_terminal_keys_is_said_to_be_none(pem: bytes) -> None:
    with pytest.raises(ValueError, match="expected PEM keys on curve P-256"):
        TerminalKeys.from_pem(pem)


def test_rotation_keeps_the_old_master_keys_for_the_cards_that_have_them() -> None:
    rotated = KEYS.rotated()
    assert (rotated.tag_masters.current, set(rotated.piv_masters)) == (2, {1, 2})
    assert rotated.tag_masters.by_version[1] == KEYS.tag_masters.by_version[1]
    assert rotated.tag_masters.by_version[2] != KEYS.tag_masters.by_version[1]
