"""The packs of the pharmacy and what reads them: two scanners, the NFC reader, the RFID shelf."""

import random
from pathlib import Path

from firmware_sim import ndef_bytes
from firmware_sim.antenna import Antenna, Presentation
from firmware_sim.clock import Clock
from firmware_sim.counts import Counts
from firmware_sim.field import Field
from firmware_sim.gs1_text import AIM_DATAMATRIX
from firmware_sim.hospital import Hospital, Pack
from firmware_sim.llrp_reader import LlrpReader
from firmware_sim.pn532 import Pn532
from firmware_sim.serial_scanner import SerialScanner
from firmware_sim.tag_field import TagField, UhfTag
from firmware_sim.type2_tag import Type2Tag

_NXP = b"\x04"
_HOLD_S = 1.2
"""How long a pack is held to the NFC reader: there is no beep to wait for."""


class StockRoom:
    """Packs and readers."""

    def __init__(self, hospital: Hospital, directory: Path, *, clock: Clock, counts: Counts) -> None:
        """Plug everything in; paths are in `directory`."""
        self._packs = hospital.packs
        self._counts = counts
        self._seed = hospital.seed
        self.scanners = {
            "receiving": SerialScanner(directory / "scanner-receiving", counts=counts),
            "issue": SerialScanner(directory / "scanner-issue", counts=counts),
        }
        self.shelf = TagField(hospital.seed)
        self.llrp = LlrpReader(self.shelf, round_s=0.2, clock=clock, counts=counts)
        self._field = Field()
        self.nfc = Pn532(self._field, directory / "pn532-pharmacy")
        self._hand = Antenna("pharmacy", self._field, clock)

    def scan(self, scanner: str, text: str) -> bool:
        """Read a code with a scanner; False if nobody heard it."""
        return self.scanners[scanner].scan(text)

    def half_scan(self, scanner: str, text: str) -> bool:
        """Read a code, but send only the first half; False if nobody heard it."""
        return self.scanners[scanner].half_scan(text)

    @staticmethod
    def symbol(pack: Pack) -> str:
        """What a scanner delivers for the DataMatrix of a pack."""
        return AIM_DATAMATRIX + pack.element_string

    def hold_tag(self, index: int, hold_s: float | None) -> Presentation:
        """Hold a pack's NFC tag to the reader; returns when it is there."""
        message = ndef_bytes.message(ndef_bytes.uri_record(self._packs[index].digital_link))
        return self._hold(str(index), ndef_bytes.type2_data_area(message), hold_s, "nfc_tags")

    def hold_written(self, data_area: bytes, hold_s: float | None) -> Presentation:
        """Hold a tag to the reader that somebody has written with another reader."""
        return self._hold(data_area.hex(), data_area, hold_s, "nfc_tags")

    def hold_garbage(self, kind: str, hold_s: float | None) -> Presentation:
        """Hold a tag to the reader whose content is broken in the way named `kind` (`garbage_kinds`)."""
        return self._hold(kind, ndef_bytes.garbage_data_areas()[kind], hold_s, "garbage_tags")

    @staticmethod
    def garbage_kinds() -> tuple[str, ...]:
        """In which ways a tag's content can be broken."""
        return tuple(ndef_bytes.garbage_data_areas())

    def put(self, epc: bytes, antenna_id: int) -> None:
        """Lay a labelled pack on the RFID shelf."""
        self.shelf.put(UhfTag(epc, frozenset({antenna_id})))
        self._counts.add("uhf_puts")

    def take(self, epc: bytes) -> bool:
        """Take a pack from the shelf; False if it did not lie there."""
        taken = self.shelf.take(epc)
        if taken:
            self._counts.add("uhf_takes")
        return taken

    def close(self) -> None:
        """Unplug everything."""
        self._hand.close()
        self.nfc.close()
        self.llrp.close()
        for scanner in self.scanners.values():
            scanner.close()

    def _hold(self, identity: str, data_area: bytes, hold_s: float | None, counter: str) -> Presentation:
        # Always the same UID for the same pack: a label is glued on once.
        uid = _NXP + random.Random(f"{self._seed}/nfc/{identity}").randbytes(6)  # noqa: S311 - must be repeatable
        tag = Type2Tag(uid, data_area)
        presentation = Presentation(tag, _HOLD_S if hold_s is None else hold_s, lambda: False)
        if not self._hand.present(presentation):
            raise TimeoutError("the NFC reader of the pharmacy was not free for 30 s")
        self._counts.add(counter)
        return presentation
