"""What cards are issued with, opened from its sealed file or module when it is needed, and again when it changed."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from cards.emergency.sealing import TerminalKeys
from cards.issuing.hsm import HsmKey, HsmSigner
from cards.issuing.key_file import IssuingKeys, KeyFileError, read_key_file
from cards.issuing.piv_personalisation import PivIssuer
from cards.issuing.signer import Signer
from cards.ntag424.keys import KeyMasters
from gateway.issuing.config import IssuingConfig
from gateway.stock.errors import WorkRefusedError


@dataclass(frozen=True, repr=False)
class IssuingSecrets:
    """All of it. Secret: it has no printable form."""

    signer: Signer
    piv_masters: Mapping[int, bytes]
    tag_masters: KeyMasters
    terminals: tuple[ec.EllipticCurvePublicKey, ...]
    """Whom emergency records are sealed for."""
    terminal_keys: TerminalKeys

    @classmethod
    def of(cls, keys: IssuingKeys, signer: Signer | None = None) -> "IssuingSecrets":
        """From a key file, with the card CA's key from elsewhere if there is such a signer."""
        return cls(
            signer or keys,
            keys.piv_masters,
            keys.tag_masters,
            keys.terminal_public_keys(),
            TerminalKeys.of(keys.terminal_keys),
        )

    @property
    def current(self) -> int:
        """Key version of new cards, of both profiles."""
        return self.tag_masters.current

    @property
    def piv_issuer(self) -> PivIssuer:
        """For `cards.issuing.piv_personalisation`."""
        return PivIssuer(self.signer, self.piv_masters, self.current)


class Keyring:
    """Reads the files at the first use; `medtap card keys rotate` is seen at the next use without a restart."""

    def __init__(self, config: IssuingConfig) -> None:
        """Opens nothing yet."""
        self._config = config
        self._lock = threading.Lock()
        self._read: tuple[int, IssuingSecrets] | None = None

    @property
    def configured(self) -> bool:
        """Whether cards can be made here at all."""
        return self._config.key_file is not None

    def secrets(self) -> IssuingSecrets:
        """What is in the files now.

        Raises:
            WorkRefusedError: none are configured, or they don't open.
        """
        file, passphrase_file = self._config.key_file, self._config.passphrase_file
        if file is None or passphrase_file is None:
            raise WorkRefusedError(
                "card_keys_missing", "no [issuing] key_file in the configuration: make one with medtap card keys create"
            )
        with self._lock:
            try:
                stamp = file.stat().st_mtime_ns
                if self._read is None or self._read[0] != stamp:
                    self._read = (stamp, self._open(file, passphrase_file))
            except (OSError, ValueError, KeyFileError) as error:
                raise WorkRefusedError("card_keys_closed", f"issuing keys: {error}", text=f"{error!s:.200}") from None
            return self._read[1]

    def _open(self, file: Path, passphrase_file: Path) -> IssuingSecrets:
        config = self._config
        keys = read_key_file(file, first_line(passphrase_file))
        if config.module is None or config.pin_file is None or config.ca_certificate_file is None:
            return IssuingSecrets.of(keys)
        certificate = x509.load_pem_x509_certificate(config.ca_certificate_file.read_bytes())
        where = HsmKey(config.module, config.token, config.key)
        return IssuingSecrets.of(keys, HsmSigner(where, first_line(config.pin_file), certificate))


def first_line(file: Path) -> str:
    """A secret that is kept in a file of its own.

    Raises:
        OSError: it can't be read.
        ValueError: nothing is in its first line.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0]:
        raise ValueError(f"{file}: its first line is empty, expected the secret")
    return lines[0]
