"""`medtap tag` on an edge node's configuration, with simulated readers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge.drivers import epc_writer
from firmware_sim.field import Field
from firmware_sim.llrp_reader import LlrpReader
from firmware_sim.pn532 import Pn532
from firmware_sim.type2_tag import Type2Tag
from inventory.epc import decode_epc
from medtap.cli.app import app

GTIN = "08934567890120"
UID = bytes.fromhex("04a1b2c3d4e5f6")
BLANK = bytes.fromhex("e28011602000507d9d3c0a1b")


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Pn532]:
    with Pn532(Field(), tmp_path / "pn532") as chip:
        yield chip


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Still a number of the reader's reports, whatever time they take."""
    monkeypatch.setattr(epc_writer, "_LOOK_S", 0.1)


@pytest.fixture
def reader() -> Iterator[LlrpReader]:
    with LlrpReader(antenna_count=2, round_s=0.002) as simulated:
        yield simulated


def config(tmp_path: Path, *devices: str) -> str:
    file = tmp_path / "edge.toml"
    head = f'[node]\nsite = "nd1"\nedge_node = "n1"\nstate_dir = "{tmp_path}"\n[broker]\nhost = "127.0.0.1"\n'
    file.write_text(head + "".join(f"[[device]]\n{device}\n" for device in devices))
    return str(file)


def nfc(path: Path, name: str = "nfc-desk") -> str:
    return f'device_id = "{name}"\ndriver = "nfc_pn532"\npath = "{path}"'


def uhf(reader: LlrpReader) -> str:
    return f'device_id = "uhf"\ndriver = "llrp"\nhost = "127.0.0.1"\nport = {reader.port}'


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["tag", *words])


def test_a_packs_tag_is_written_and_said(tmp_path: Path, chip: Pn532) -> None:
    chip.field.put(Type2Tag(UID))
    asked = ("--gtin", GTIN, "--lot", "L1", "--serial", "SN1", "--expiry", "2027-02-28", "--stem", "https://a.example")
    done = run("write-ndef", config(tmp_path, nfc(chip.path)), "--device", "nfc-desk", *asked, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["uri"] == f"https://a.example/01/{GTIN}/10/L1/21/SN1?17=270228"
    assert (told["ok"], told["uid"], told["locked"]) == (True, UID.hex(), False)
    other = run("write-ndef", config(tmp_path, nfc(chip.path)), "--gtin", GTIN, "--json")
    assert (other.exit_code, json.loads(other.stdout)["ok"]) == (1, False)


@pytest.mark.parametrize(
    ("serial", "words", "scheme"),
    [
        ("12345", ("--prefix-digits", "9"), "sgtin-96"),
        ("SN/0001", ("--prefix-digits", "9"), "sgtin-198"),
        ("SN/0001", ("--plus",), "sgtin+"),
    ],
)
def test_a_packs_epc_is_written_in_the_smallest_scheme_that_holds_its_serial_number(
    tmp_path: Path, reader: LlrpReader, serial: str, words: tuple[str, ...], scheme: str
) -> None:
    reader.put(BLANK)
    done = run("write-epc", config(tmp_path, uhf(reader)), "--gtin", GTIN, "--serial", serial, *words, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["scheme"], told["replaced"]) == (scheme, BLANK.hex())
    [tag] = reader.field.tags
    found = decode_epc(tag.epc.hex())
    assert {element.ai: element.value for element in found.elements} == {"01": GTIN, "21": serial}
    assert found.filter_value == 1


def test_a_running_agent_keeps_its_readers(tmp_path: Path, chip: Pn532) -> None:
    state = {"running": True, "written_at": datetime.now(UTC).isoformat()}
    (tmp_path / "status.json").write_text(json.dumps(state))
    done = run("write-ndef", config(tmp_path, nfc(chip.path)), "--gtin", GTIN)
    assert (done.exit_code, "stop it first" in done.stderr) == (1, True)


def test_what_is_asked_wrongly_is_said(tmp_path: Path, chip: Pn532, reader: LlrpReader) -> None:
    file = config(tmp_path, nfc(chip.path), nfc(tmp_path / "second", "nfc-second"), uhf(reader))
    password = tmp_path / "password"
    password.write_text("123\n")
    epc = ("write-epc", file, "--gtin", GTIN)
    for words, complaint in (
        (("write-ndef", file, "--gtin", GTIN), "nfc-desk, nfc-second"),
        (("write-ndef", file, "--gtin", GTIN, "--device", "uhf"), "nfc-desk, nfc-second"),
        (("write-ndef", file, "--gtin", "08934567890121", "--device", "nfc-desk"), "expected 0"),
        ((*epc, "--serial", "1"), "--prefix-digits or --plus"),
        ((*epc, "--serial", "", "--plus"), "needs a serial number"),
        ((*epc, "--serial", "1", "--prefix-digits", "13"), "expected 6 to 12"),
        ((*epc, "--serial", "1", "--plus", "--password-file", str(password)), "eight hexadecimal digits"),
        (("write-ndef", str(tmp_path / "none.toml"), "--gtin", GTIN), "cannot be read"),
    ):
        done = run(*words)
        assert done.exit_code == 2, words
        assert complaint in " ".join(done.output.replace("│", " ").split()), words
