"""The configuration file of an edge node: the sample is right and complete, and a wrong file names what is wrong."""

import re
from pathlib import Path

import pytest

from edge import config
from edge.config import ConfigError, EdgeConfig, load, parse
from edge.config_modbus import ModbusRtuTemperatureConfig

SAMPLE = Path(config.__file__).parent / "sample.toml"
HEAD = """
[node]
site = "nhi-dong-1"
edge_node = "pharmacy-1"
state_dir = "state"
[broker]
host = "127.0.0.1"
"""
SCANNER = """
[[device]]
device_id = "scanner"
driver = "serial_scanner"
path = "/dev/ttyACM0"
"""


def test_the_sample_file_is_a_right_file_with_one_device_of_every_kind() -> None:
    loaded = load(SAMPLE)
    assert {device.driver for device in loaded.devices} == {
        "ds18b20",
        "modbus_temperature",
        "modbus_contact",
        "modbus_battery",
        "llrp",
        "pcsc",
        "nfc_pn532",
        "serial_scanner",
        "hid_scanner",
    }
    assert isinstance(loaded.devices[2], ModbusRtuTemperatureConfig)


NEEDS_FILES = (
    "ca_file",
    "client_certificate_file",
    "client_key_file",
    "password_file",
    "trust_anchor_files",
    "desk_keys_file",
    "terminal_keys_file",
    "status_signer_files",
)


def test_the_values_that_the_sample_shows_for_optional_keys_are_the_ones_used_without_them() -> None:
    shown = [
        re.sub(r"^# (?=[a-z_]+ = )", "", line)
        for line in SAMPLE.read_text(encoding="utf-8").splitlines()
        if not line.startswith(tuple(f"# {key} = " for key in NEEDS_FILES))
    ]
    assert parse("\n".join(shown)) == parse(SAMPLE.read_text(encoding="utf-8"))


def _keys(schema: object) -> set[str]:
    """Every property name of a JSON schema."""
    if isinstance(schema, dict):
        own = set(schema.get("properties", {}))
        return own.union(*(_keys(value) for value in schema.values()))
    return set().union(*(_keys(value) for value in schema)) if isinstance(schema, list) else set()


def test_every_key_that_exists_stands_in_the_sample() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    keys = _keys(EdgeConfig.model_json_schema())
    missing = [key for key in keys if not re.search(rf"^(# )?{key} = |^\[+{key}\]", text, re.MULTILINE)]
    assert len(keys) > 30
    assert missing == []


def test_file_names_start_at_the_directory_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "card-ca.pem").write_text("a certificate")
    (tmp_path / "edge.toml").write_text(HEAD + '[cards]\ntrust_anchor_files = ["card-ca.pem"]\n')
    loaded = load(tmp_path / "edge.toml")
    assert loaded.cards.trust_anchor_files == (tmp_path / "card-ca.pem",)
    assert loaded.node.state_dir == tmp_path / "state"


def test_two_units_of_one_serial_line_are_two_devices() -> None:
    unit = '[[device]]\ndevice_id="t{0}"\ndriver="modbus_temperature"\ntransport="rtu"\npath="/dev/x"\nunit_id={0}\n'
    loaded = parse(HEAD + "".join((unit + "register=0\n").format(number) for number in (1, 2)))
    assert [device.device_id for device in loaded.devices] == ["t1", "t2"]


W1 = '[[device]]\ndevice_id = "w1"\ndriver = "ds18b20"\nsensor_id = "28-0123456789ab"\n'
MODBUS = '[[device]]\ndevice_id = "room"\ndriver = "modbus_temperature"\nunit_id = 1\nregister = 0\n'
WRONG = [
    pytest.param(HEAD + "port = '1883'", "[broker] port = '1883': expected a port number from 1 to 65535", id="text"),
    pytest.param(HEAD + "port = 70000", "[broker] port = 70000: expected a port number from 1 to 65535", id="range"),
    pytest.param(HEAD + "port = true", "[broker] port = True: expected a port number from 1 to 65535", id="bool"),
    pytest.param(
        HEAD + "prot = 1883",
        "[broker] prot = 1883: unknown key; expected one of ca_file, client_certificate_file, client_key_file, host, "
        "password_file, port, tls, username",
        id="unknown key",
    ),
    pytest.param(
        HEAD + "[outboks]\nx = 1",
        "outboks = {'x': 1}: unknown key; expected one of broker, cards, desk_screen, device, node, outbox, supervisor",
        id="unknown table",
    ),
    pytest.param(
        HEAD + 'client_key_file = "k.pem"',
        "[broker] client_certificate_file and client_key_file: expected both or neither",
        id="half a pair",
    ),
    pytest.param(
        HEAD + 'ca_file = "ca.pem"',
        "[broker] ca_file and client_certificate_file: expected only with tls = true",
        id="ca without tls",
    ),
    pytest.param(
        HEAD + 'password_file = "p"', "[broker] password_file: expected only together with username", id="password"
    ),
    pytest.param(
        '[node]\nsite = "nhi-dong-1"\nedge_node = "Pharmacy 1"\n[broker]\nhost = "h"',
        "[node] edge_node = 'Pharmacy 1': expected 1 to 63 of a-z, 0-9 and inner hyphens\n"
        "[node] state_dir is missing: expected the name of a directory",
        id="two faults at once",
    ),
    pytest.param("node = 3", "node = 3: expected a table\nbroker is missing: expected a table", id="no table"),
    pytest.param(
        "[node", "not a TOML file: Expected ']' at the end of a table declaration (at end of document)", id="no toml"
    ),
    pytest.param(
        HEAD + '[[device]]\ndevice_id = "x"\ndriver = "ds18s20"',
        "[[device]] 1: driver = 'ds18s20': expected one of 'ds18b20', 'modbus_temperature', 'modbus_contact', "
        "'modbus_battery', 'pcsc', 'nfc_pn532', "
        "'llrp', 'serial_scanner', 'hid_scanner'",
        id="unknown driver",
    ),
    pytest.param(
        HEAD + '[[device]]\ndevice_id = "x"',
        "[[device]] 1: driver is missing: expected one of 'ds18b20', 'modbus_temperature', 'modbus_contact', "
        "'modbus_battery', 'pcsc', 'nfc_pn532', "
        "'llrp', 'serial_scanner', 'hid_scanner'",
        id="no driver",
    ),
    pytest.param(
        HEAD + SCANNER + W1 + "interval_s = -1",
        "[[device]] 2: interval_s = -1: expected seconds from 0.1 to 3600",
        id="negative interval",
    ),
    pytest.param(
        HEAD + W1 + "interval_s = nan", "[[device]] 1: interval_s = nan: expected seconds from 0.1 to 3600", id="nan"
    ),
    pytest.param(
        HEAD + W1.replace("28-0123456789ab", "0123456789AB"),
        "[[device]] 1: sensor_id = '0123456789AB': expected \"28-\" and 12 of 0-9 a-f, as the directory is named",
        id="sensor id",
    ),
    pytest.param(
        HEAD + W1 + 'base_dir = "w1"',
        "[[device]] 1: base_dir = 'w1': expected an absolute path such as \"/dev/serial/by-id/usb-...\"",
        id="relative device path",
    ),
    pytest.param(HEAD + MODBUS, "[[device]] 1: transport is missing: expected one of 'tcp', 'rtu'", id="no transport"),
    pytest.param(
        HEAD + MODBUS + 'transport = "tcp"\nscale = 0.0\nhost = "10.0.0.1/24"',
        "[[device]] 1: scale = 0.0: expected degrees Celsius for one count, above 0 and up to 10\n"
        "[[device]] 1: host = '10.0.0.1/24': expected a host name or IP address",
        id="scale and host",
    ),
    pytest.param(
        HEAD + MODBUS + 'transport = "rtu"\npath = "/dev/ttyUSB0"\nhost = "h"',
        "[[device]] 1: host = 'h': unknown key; expected one of baud_rate, description, device_id, driver, interval_s, "
        "parity, path, register, register_kind, scale, transport, unit_id",
        id="key of the other transport",
    ),
    pytest.param(
        HEAD + '[[device]]\ndevice_id = "uhf"\ndriver = "llrp"\nhost = "h"\nantennas = [1, 0]',
        "[[device]] 1: antennas[1] = 0: expected an antenna number from 1 to 255",
        id="antenna",
    ),
    pytest.param(
        HEAD + SCANNER + 'terminator = "\\u001d"',
        '[[device]] 1: terminator = \'\\x1d\': expected 1 to 4 control characters such as "\\r" or "\\r\\n"',
        id="GS as terminator",
    ),
    pytest.param(
        HEAD + SCANNER + SCANNER.replace("ACM0", "ACM1"),
        "[[device]] device_id = 'scanner' stands 2 times: expected once",
        id="same name",
    ),
    pytest.param(
        HEAD + SCANNER + SCANNER.replace('"scanner"', '"other"'),
        "[[device]] 'scanner' and 'other' use the same hardware, /dev/ttyACM0: expected one device for it",
        id="same hardware",
    ),
    pytest.param(
        HEAD + SCANNER.replace('"scanner"', '"pharmacy-1"'),
        "[[device]] device_id = 'pharmacy-1': expected another name than node.edge_node",
        id="device named as the node",
    ),
    pytest.param(
        HEAD + '[device]\nx = "y"',
        "device = {'x': 'y'}: expected one [[device]] table for each device",
        id="one bracket too few",
    ),
    pytest.param(
        HEAD + "[supervisor]\nrestart_delay_min_s = 5.0\nrestart_delay_max_s = 1.0",
        "[supervisor] restart_delay_max_s: expected at least restart_delay_min_s",
        id="delays",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_file_is_refused_with_key_value_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert str(refused.value) == message


def test_a_file_that_is_named_but_not_there_is_named_in_full(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(HEAD + '[cards]\ntrust_anchor_files = ["card-ca.pem"]\n')
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value) == (
        f"{path}: [cards] trust_anchor_files[0] = 'card-ca.pem': expected the name of an existing file "
        f"(there is no file {tmp_path}/card-ca.pem)"
    )


def test_a_configuration_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "edge.toml")
    assert str(refused.value) == (
        f"{tmp_path}/edge.toml: cannot be read: No such file or directory; expected a TOML file"
    )


def test_a_configuration_in_another_encoding_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_bytes(b"# Nh\xe0 thu\xf4c\n" + HEAD.encode())
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value) == f"{path}: not UTF-8 at byte 4; save it as UTF-8"


def test_a_secret_stands_in_no_key_of_the_configuration() -> None:
    assert [key for key in _keys(EdgeConfig.model_json_schema()) if "password" in key] == ["password_file"]
