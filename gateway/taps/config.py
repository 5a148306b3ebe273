"""The table `[taps]` of the gateway's configuration: what taps are judged with, and how status lists are signed."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.errors import ConfigError

_FILES: Final = ("desk_keys_file", "status_key_file")


class TapsConfig(BaseModel):
    """Everything has a default that works: NTAG 424 cards are judged with the keys that they were issued with here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    desk_keys_file: Path | None = None
    """Keys of NTAG 424 cards that are issued elsewhere (`medtap card keys export-terminal --desk`)."""
    status_key_file: Path | None = None
    """Signs lists of cards to refuse, certified by the card CA (`medtap card keys issue-status-key`).
    Without it the gateway makes one and keeps it in its database; edge nodes are then given its certificate
    (`medtap gateway card-status-certificate`)."""
    status_list_every_s: Annotated[float, Field(ge=10, le=86_400)] = 600.0
    """A list is issued anew so often although nothing changed, so that its age says how long a node was cut off."""
    presence_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    """How long a tap proves that its patient is at the desk."""
    public_phone: Annotated[str, StringConstraints(pattern=r"\A[0-9+ ()./-]{0,40}\z")] = ""
    """The hospital's telephone number, shown to whoever opens the address of an NTAG 424 card; empty: none."""

    def below(self, directory: Path) -> "TapsConfig":
        """With file names that are relative to the configuration's directory.

        Raises:
            ConfigError: a named file isn't there.
        """
        named = {name: directory / file for name in _FILES if (file := getattr(self, name)) is not None}
        for name, file in named.items():
            if not file.is_file():
                raise ConfigError(f"configuration: taps.{name}: no such file (looked for {file})")
        return self.model_copy(update=named)
