"""The table `[issuing]` of the gateway's configuration: where the keys of cards are, and what cards are made like."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

ISSUING_FILES: Final = ("key_file", "passphrase_file", "module", "pin_file", "ca_certificate_file")
"""Keys that name files."""


class IssuingConfig(BaseModel):
    """Without `key_file` no card is made here; everything else of the desk works."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path | None = None
    """The sealed file of `medtap card keys create`: card CA, master keys of both profiles, terminal keys."""
    passphrase_file: Path | None = None
    """Its first line opens the key file; readable by the gateway alone."""
    module: Path | None = None
    """PKCS#11 library, where the card CA's key is in a security module; the master keys stay in the key file."""
    token: str = ""
    """Label of the module's token."""
    key: str = ""
    """Label of the card CA's key there."""
    pin_file: Path | None = None
    """Its first line is the PIN of the token's user."""
    ca_certificate_file: Path | None = None
    """PEM, as `medtap card keys create-in-module` wrote it."""
    card_years: Annotated[int, Field(ge=1, le=15)] = 5
    """How long a card is valid; a child's photo is not to be trusted for longer."""
    warn_days: Annotated[int, Field(ge=1, le=365)] = 60
    """Cards that end within so many days are listed."""
    address: Annotated[str, StringConstraints(pattern=r"\A(https://[A-Za-z0-9.:/_~-]{1,128})?\z")] = ""
    """What NTAG 424 cards lead telephones to; empty: `base_url` with `/t`."""

    @model_validator(mode="after")
    def _belong_together(self) -> "IssuingConfig":
        if (self.key_file is None) != (self.passphrase_file is None):
            raise ValueError("key_file and passphrase_file: give both or none")
        of_module = (self.module, self.token, self.key, self.pin_file, self.ca_certificate_file)
        if any(of_module) and not (all(of_module) and self.key_file):
            raise ValueError("module needs token, key, pin_file, ca_certificate_file and key_file as well")
        return self

    def card_address(self, base_url: str) -> str:
        """What NTAG 424 cards lead to; empty where neither is https, as telephones must be able to trust it."""
        address = self.address or f"{base_url}/t"
        return address if address.startswith("https://") else ""
