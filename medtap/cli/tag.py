"""`medtap tag`: writes NFC and UHF tags with the readers of an edge node, and reads them back."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from inventory.epc import decode_epc, encode_epc
from inventory.errors import CodeError
from inventory.pack_identity import PackIdentity
from medtap.cli.output import fail, print_json, say

if TYPE_CHECKING:
    from edge.config import EdgeConfig, LlrpConfig, NfcPn532Config

app = typer.Typer(no_args_is_help=True, help="Write NFC tags (Digital Link) and UHF tags (EPC), with read-back.")

ConfigFile = Annotated[Path, typer.Argument(help="The edge node's TOML file: says where the readers are.")]
DeviceId = Annotated[str, typer.Option("--device", help="device_id of the reader; may be absent if there is only one.")]
GtinText = Annotated[str, typer.Option(help="8, 12, 13 or 14 digits.")]
Serial = Annotated[str, typer.Option(help="Serial number, up to 20 characters.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")]
_STATUS_FRESH_S = 10.0
"""A running agent writes its status every second."""
_PREFIX_DIGITS = range(6, 13)
_PASSWORD_BYTES = 4


@app.callback()
def tag() -> None:
    """Write NFC tags (Digital Link) and UHF tags (EPC), with read-back."""


@app.command("write-ndef")
def write_ndef(
    config_file: ConfigFile,
    gtin: GtinText,
    device: DeviceId = "",
    serial: Serial = "",
    lot: Annotated[str, typer.Option(help="Lot, up to 20 characters.")] = "",
    expiry: Annotated[str, typer.Option(help="Expiry date, YYYY-MM-DD.")] = "",
    stem: Annotated[str, typer.Option(help="Scheme and host of the address.")] = "https://id.gs1.org",
    lock: Annotated[bool, typer.Option("--lock", help="Make the tag read-only FOR EVER once it reads right.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Even if it says something else now.")] = False,
    wait_s: Annotated[float, typer.Option("--wait", help="Seconds to wait for a tag.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Write a pack's GS1 Digital Link into the Type 2 tag that is held to a PN532."""
    from edge.drivers.driver import DeviceLostError, DeviceMisconfiguredError
    from edge.drivers.ndef_writer import TagWriteError, write_uri

    chosen = _nfc_reader(_load(config_file), device)
    try:
        uri = PackIdentity(gtin, lot, _day(expiry), serial).digital_link(stem)
    except CodeError as error:
        fail(error.message, 2)
    try:
        done = write_uri(chosen.path, uri, lock=lock, overwrite=overwrite, wait_s=wait_s)
    except (TagWriteError, DeviceLostError, DeviceMisconfiguredError) as error:
        _refused(str(error), as_json)
    if as_json:
        print_json({"ok": True, **done.__dict__})
        return
    say(f"tag {done.uid} says {done.uri} ({done.message_bytes} of {done.capacity_bytes} bytes)")
    if done.replaced:
        say(f"it said before: {done.replaced}")
    if done.locked:
        say("it is read-only for ever")


@app.command("write-epc")
def write_epc(
    config_file: ConfigFile,
    gtin: GtinText,
    serial: Serial,
    device: DeviceId = "",
    prefix_digits: Annotated[
        int, typer.Option(help="Digits of the GS1 company prefix in the GTIN, 6 to 12: SGTIN-96, or SGTIN-198.")
    ] = 0,
    plus: Annotated[bool, typer.Option("--plus", help="SGTIN+ (TDS 2), which needs no company prefix.")] = False,
    filter_value: Annotated[int, typer.Option("--filter", min=0, max=7, help="1: point of sale item.")] = 1,
    target: Annotated[str, typer.Option(help="EPC that the tag has now, where several are seen.")] = "",
    password_file: Annotated[
        Path | None, typer.Option(help="Its first line is the tag's access password, eight hexadecimal digits.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a pack's EPC into the UHF tag before an LLRP reader."""
    from edge.drivers.driver import DeviceLostError

    try:
        from edge.drivers.epc_writer import EpcWriteError
        from edge.drivers.epc_writer import write_epc as write
    except ImportError as error:
        fail(f"writing UHF tags needs {error.name!r}, which is not here: pip install 'medtap[uhf]'", 2)
    if plus == bool(prefix_digits):
        raise typer.BadParameter("expected either --prefix-digits or --plus")
    chosen = _uhf_reader(_load(config_file), device)
    try:
        uri = _epc_uri(PackIdentity(gtin, serial_number=serial), prefix_digits)
        hexadecimal = encode_epc(uri, filter_value)
    except CodeError as error:
        fail(error.message, 2)
    try:
        done = write(chosen.host, chosen.port, hexadecimal, target=target, access_password=_password(password_file))
    except (EpcWriteError, DeviceLostError, ValueError) as error:
        _refused(str(error), as_json)
    scheme = decode_epc(done.epc).scheme
    if as_json:
        print_json({"ok": True, **done.__dict__, "scheme": scheme, "uri": uri})
    else:
        say(f"tag {done.replaced} is now {done.epc}: {scheme}, {uri}")


def _epc_uri(identity: PackIdentity, prefix_digits: int) -> str:
    """The pure identity, split behind the company prefix; or the Digital Link where no prefix is known."""
    if not identity.serial_number:
        raise CodeError("required", "an EPC needs a serial number: two tags of the same EPC would be one pack")
    if not prefix_digits:
        return identity.digital_link()
    if prefix_digits not in _PREFIX_DIGITS:
        raise CodeError("range", f"company prefix of {prefix_digits} digits: expected 6 to 12")
    indicator, digits = identity.gtin[0], identity.gtin[1:13]
    prefix, reference = digits[:prefix_digits], indicator + digits[prefix_digits:]
    serial = "".join(f"%{ord(each):02X}" if each in '"#%&/<>?' else each for each in identity.serial_number)
    return f"urn:epc:id:sgtin:{prefix}.{reference}.{serial}"


def _load(config_file: Path) -> "EdgeConfig":
    """The configuration, of a node whose agent does not run: it has its readers to itself."""
    from edge.config import ConfigError, load

    try:
        config = load(config_file)
    except ConfigError as error:
        fail(str(error), 2)
    if _agent_runs(config.node.state_dir / "status.json"):
        fail(f"the agent of {config_file} is running and holds the readers: stop it first")
    return config


def _agent_runs(status_file: Path) -> bool:
    try:
        state: dict[str, Any] = json.loads(status_file.read_text())
        age_s = (datetime.now(UTC) - datetime.fromisoformat(state["written_at"])).total_seconds()
        return bool(state["running"]) and age_s < _STATUS_FRESH_S
    except (OSError, ValueError, KeyError):
        return False


def _nfc_reader(config: "EdgeConfig", device_id: str) -> "NfcPn532Config":
    from edge.config import NfcPn532Config

    found = [each for each in config.devices if isinstance(each, NfcPn532Config)]
    return found[_choose([each.device_id for each in found], device_id, "nfc_pn532")]


def _uhf_reader(config: "EdgeConfig", device_id: str) -> "LlrpConfig":
    from edge.config import LlrpConfig

    found = [each for each in config.devices if isinstance(each, LlrpConfig)]
    return found[_choose([each.device_id for each in found], device_id, "llrp")]


def _choose(names: list[str], device_id: str, driver: str) -> int:
    wanted = device_id or (names[0] if len(names) == 1 else "")
    if wanted not in names:
        listed = ", ".join(names) or "none"
        fail(f"--device {device_id!r}: expected one of the readers with driver {driver!r}: {listed}", 2)
    return names.index(wanted)


def _password(file: Path | None) -> int:
    """Zero, as tags are delivered, if there is no file; never on the command line, where others see it."""
    if file is None:
        return 0
    try:
        content = bytes.fromhex(file.read_text(encoding="ascii").splitlines()[0])
    except (OSError, ValueError, IndexError):
        content = b""
    if len(content) != _PASSWORD_BYTES:
        raise typer.BadParameter(f"{file}: its first line must be eight hexadecimal digits")
    return int.from_bytes(content, "big")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter(f"{text!r}: expected a day as YYYY-MM-DD") from None


def _refused(message: str, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"ok": False, "error": message})
        raise typer.Exit(1)
    fail(message)
