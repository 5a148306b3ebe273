"""A pack gets a label and two tags at the label desk, whose readers are its own; then it is carried into the store."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import zxingcpp

from firmware_sim.field import Field
from firmware_sim.label_printer import LabelPrinter
from firmware_sim.llrp_reader import LlrpReader
from firmware_sim.pn532 import Pn532
from firmware_sim.type2_tag import Type2Tag
from gateway.services.site_file import import_site, parse_site
from tests.integration.day_kit import Day

PRODUCT, SERIAL = 3, "H0002"
"""A place in the simulated catalogue that no other step of the day uses, and the hospital's own serial number."""
_UID = bytes.fromhex("04a1b2c3d4e5f6")
_BLANK = bytes.fromhex("e28011602000507d9d3c0a1b")
_READER = "nfc-pharmacy"
_HOLD_S = 5.0
"""Long enough for a reader that is late."""


@dataclass(frozen=True)
class Labelled:
    """What is on the pack."""

    gtin: str
    lot: str
    units: int
    symbol: str
    """What a scanner delivers of the printed label, by another program than the one that made it."""
    data_area: str
    """Memory of its NFC tag, hexadecimal."""
    epc: str
    """Of its UHF tag, hexadecimal."""


def label_and_tag(day: Day) -> Labelled:
    """Print the label, write both tags; every command has to say that it is done."""
    pack = day.pack(day.index(PRODUCT, 0, 0))
    named = ("--gtin", pack["gtin"], "--lot", pack["lot"], "--expiry", pack["expiry_date"], "--serial", SERIAL)
    with LabelPrinter(400, 240) as printer:
        printed = day.command(
            *("label", "print", "--name", "Thuốc có thẻ", *named, "--printer", f"127.0.0.1:{printer.port}")
        )
        assert printed.exit_code == 0, printed.output
        [label] = printer.wait_for(1)
    assert label.complaints == ()
    [code] = zxingcpp.read_barcodes(label.image)
    with _label_desk(day.directory) as (config, tag, shelf):
        ndef = day.command("tag", "write-ndef", config, *named, "--json")
        assert ndef.exit_code == 0, ndef.output
        assert f"/01/{pack['gtin']}/" in json.loads(ndef.stdout)["uri"]
        asked = ("--gtin", pack["gtin"], "--serial", SERIAL, "--plus", "--json")
        written = day.command("tag", "write-epc", config, *asked)
        assert written.exit_code == 0, written.output
        [uhf] = shelf.field.tags
        assert uhf.epc.hex() == json.loads(written.stdout)["epc"].lower()
        units = int(day.product(PRODUCT)["units_per_pack"])
        symbol = code.symbology_identifier + code.bytes.decode()
        return Labelled(pack["gtin"], pack["lot"], units, symbol, tag.data_area.hex(), uhf.epc.hex())


def read_by_the_store(day: Day, labelled: Labelled) -> None:
    """Hold the pack's NFC tag to the store's reader, which receives meanwhile, until it is received."""
    received = "SELECT count(*) FROM scan JOIN device USING (device_key) WHERE device_id = %s AND outcome = 'received'"
    _reader_does(day, "receive")
    day.operator(_READER, "lan")
    day.play.do("nfc_tag", data_area=labelled.data_area, hold_s=_HOLD_S)
    day.play.eventually(received, 1, _READER)
    _reader_does(day, "lookup")


def seen_on_the_shelf(day: Day, epc: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """What the pages are told of a tag, as soon as the shelf's reader sees it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = [one for one in day.read("lan", "/tags") if one["epc"] == epc]
        if found:
            return dict(found[0])
        time.sleep(0.1)
    raise AssertionError(f"tag {epc} was not seen for {timeout_s} s")


def _reader_does(day: Day, scan_action: str) -> None:
    """As the administrator says it in the site file."""
    query = "SELECT site, edge_node, place_id FROM device WHERE device_id = %s"
    [(site, edge_node, place_id)] = day.play.rows(query, _READER)
    item = {"site": site, "edge_node": edge_node, "device_id": _READER, "place_id": place_id}
    with psycopg.connect(day.play.hospital.dsn) as connection:
        import_site(connection, parse_site({"devices": [{**item, "scan_action": scan_action}]}))


@contextmanager
def _label_desk(directory: Path) -> Iterator[tuple[str, Type2Tag, LlrpReader]]:
    """Its configuration, the blank tag that lies on its NFC reader, and its UHF reader with another blank tag."""
    with Pn532(Field(), directory / "pn532-label-desk") as chip, LlrpReader(antenna_count=1, round_s=0.002) as shelf:
        tag = Type2Tag(_UID)
        chip.field.put(tag)
        shelf.put(_BLANK)
        file = directory / "label-desk.toml"
        file.write_text(
            f'[node]\nsite = "nd1"\nedge_node = "label-desk"\nstate_dir = "{directory}"\n[broker]\nhost = "127.0.0.1"\n'
            f'[[device]]\ndevice_id = "nfc"\ndriver = "nfc_pn532"\npath = "{chip.path}"\n'
            f'[[device]]\ndevice_id = "uhf"\ndriver = "llrp"\nhost = "127.0.0.1"\nport = {shelf.port}\n'
        )
        yield str(file), tag, shelf
