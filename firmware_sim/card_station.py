"""The issuing desk's reader: a PN532 on which a chip lies until it is taken away."""

from pathlib import Path

from firmware_sim.chips import Chips
from firmware_sim.field import Field
from firmware_sim.pn532 import Pn532
from firmware_sim.type4 import IsoDepTag


class CardStation:
    """The reader and what lies on it."""

    def __init__(self, chips: Chips, path: Path) -> None:
        """Plug the reader in at `path`; nothing lies there."""
        self._chips = chips
        self._field = Field()
        self.reader = Pn532(self._field, path)

    def put(self, number: int) -> None:
        """Lay a chip there, instead of the one before."""
        self._field.put(IsoDepTag(self._chips.chip(number)))

    def take(self) -> bool:
        """Take away what lies there; False if nothing did."""
        was_there = self._field.tag is not None
        self._field.take()
        return was_there

    def close(self) -> None:
        """Unplug."""
        self._field.take()
        self.reader.close()
