"""The card CA and the keys of a simulated hospital's cards, in the files that the real parts read."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from cards.issuing.key_file import IssuingKeys, write_desk_keys, write_key_file, write_status_key, write_terminal_keys
from cards.issuing.status_key import make_status_key

_VALID: Final = timedelta(days=5 * 365)
TAG_ADDRESS: Final = "https://the.benhvien.example/t"
"""What NTAG 424 cards of the demo lead to: telephones want https, which a demo on loopback has not."""


@dataclass(frozen=True)
class CardKeyFiles:
    """As `medtap card keys` writes them."""

    key_file: Path
    passphrase_file: Path
    anchor: Path
    """The card CA's certificate (PEM)."""
    desk_keys: Path
    terminal_keys: Path
    status_key: Path

    @classmethod
    def make(cls, directory: Path) -> "CardKeyFiles":
        """New keys, in files for their owner's eyes."""
        files = cls(
            directory / "card-keys.json",
            directory / "card-keys-passphrase",
            directory / "issuing-ca.pem",
            directory / "desk-keys.json",
            directory / "terminal.pem",
            directory / "card-status-key.pem",
        )
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        keys = IssuingKeys.create("medtap demo card CA", valid_from=begin, valid_until=begin + _VALID)
        passphrase = secrets.token_urlsafe(16)
        files.passphrase_file.touch(mode=0o600)
        files.passphrase_file.write_text(passphrase + "\n")
        write_key_file(files.key_file, keys, passphrase)
        files.anchor.write_bytes(keys.ca_certificate.public_bytes(Encoding.PEM))
        write_desk_keys(files.desk_keys, keys)
        write_terminal_keys(files.terminal_keys, keys, 2)
        status = make_status_key("medtap demo", valid_from=begin, valid_until=begin + _VALID / 2, issuer=keys)
        write_status_key(files.status_key, status)
        return files

    def gateway_tables(self) -> dict[str, dict[str, object]]:
        """Tables of the gateway's configuration."""
        return {
            "issuing": {
                "key_file": str(self.key_file),
                "passphrase_file": str(self.passphrase_file),
                "address": TAG_ADDRESS,
            },
            "taps": {"status_key_file": str(self.status_key)},
        }
