"""The seam to the card CA's private key: a sealed file, or a hardware security module."""

from typing import Protocol

from cryptography import x509


class Signer(Protocol):
    """Signs with the card CA's P-256 key, wherever it is kept."""

    @property
    def certificate(self) -> x509.Certificate:
        """The CA's certificate: what readers trust."""
        ...

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256 of the message, DER.

        Raises:
            SignerError: the key can't be used now.
        """
        ...


class SignerError(Exception):
    """The card CA's key can't be used: the message says why, and what to do."""
