"""The configuration of an edge node: one TOML file, checked as a whole before anything starts.

`edge/sample.toml` is the reference of every key. A file that is wrong in any place is refused with one line for each
fault: which key, which value, what was expected. Relative file names are taken from the directory of the file itself,
so that a node's directory can be moved.
"""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, field_validator, model_validator

from edge.config_base import (
    BaudRate,
    Device,
    DeviceName,
    DevicePath,
    Directory,
    ExistingFile,
    Host,
    Interval,
    Port,
    Section,
    as_tuple,
)
from edge.config_errors import explain
from edge.config_modbus import ModbusBatteryConfig, ModbusContactConfig, ModbusTemperatureConfig

_CODE_SEPARATORS = "\x04\x1d\x1e"
"""EOT, GS and RS stand inside codes (ISO/IEC 15434; GS1 General Specifications 7.8.3): never a line ending."""


class ConfigError(Exception):
    """The file cannot be used: the agent refuses to start. The message has one line for each fault."""


class NodeConfig(Section):
    """`[node]`: who this is."""

    site: DeviceName
    edge_node: DeviceName
    state_dir: Directory
    """Where the outbox and `status.json` live; created by the agent if missing."""


class BrokerConfig(Section):
    """`[broker]`: the way to the gateway."""

    host: Host
    port: Port = 1883
    tls: Annotated[bool, Field(description="true or false")] = False
    ca_file: ExistingFile | None = None
    """Certificate authority of the broker, PEM; without it the machine's own store is used."""
    client_certificate_file: ExistingFile | None = None
    client_key_file: ExistingFile | None = None
    username: Annotated[str, Field(max_length=200, description="a text of at most 200 characters")] = ""
    password_file: ExistingFile | None = None
    """File whose first line is the password: a secret never stands in the configuration itself."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.client_certificate_file is None) != (self.client_key_file is None):
            raise ValueError("client_certificate_file and client_key_file: expected both or neither")
        if not self.tls and (self.ca_file or self.client_certificate_file):
            raise ValueError("ca_file and client_certificate_file: expected only with tls = true")
        if self.password_file is not None and not self.username:
            raise ValueError("password_file: expected only together with username")
        return self


class OutboxConfig(Section):
    """`[outbox]`: how rows are grouped and kept."""

    telemetry_group_rows: Annotated[int, Field(ge=1, le=10_000, description="rows from 1 to 10000")] = 50
    telemetry_group_age_s: Annotated[float, Field(ge=0.01, le=60, description="seconds from 0.01 to 60")] = 1.0
    keep_acknowledged_days: Annotated[float, Field(ge=0, le=366, description="days from 0 to 366")] = 14
    size_max_mb: Annotated[float, Field(ge=1, le=1_000_000, description="megabytes from 1 to 1000000")] = 1000
    """Cap of the outbox file, in MB (10^6 bytes)."""


class CardsConfig(Section):
    """`[cards]`: what a genuine card is."""

    trust_anchor_files: Annotated[
        tuple[ExistingFile, ...], BeforeValidator(as_tuple), Field(description='a list such as ["card-ca.pem"]')
    ] = ()
    status_signer_files: Annotated[
        tuple[ExistingFile, ...], BeforeValidator(as_tuple), Field(description='a list such as ["gateway-status.pem"]')
    ] = ()
    """Certificates of gateways whose lists of lost and revoked cards are believed, where the card CA did not certify
    them."""
    desk_keys_file: ExistingFile | None = None
    """Keys that judge NTAG 424 cards here; without them the gateway alone judges these."""
    terminal_keys_file: ExistingFile | None = None
    """Private keys of an emergency terminal (`medtap card keys export-terminal`): they open the emergency record of a
    PIV card for the desk's own screen."""
    status_age_max_h: Annotated[float, Field(gt=0, le=8760, description="hours, above 0 and up to 8760")] = 24.0
    """A status list older than this is said to be old with every card."""


class DeskScreenConfig(Section):
    """`[desk_screen]`: a page on this machine that shows who is at the reader, also without a network."""

    host: Host = "127.0.0.1"
    """Only this machine's own browser by default: names of patients are shown."""
    port: Annotated[int, Field(ge=0, le=65535, description="a port number, or 0 for a free one")] = 8780
    language: Annotated[Literal["vi", "en"], Field(description='"vi" or "en"')] = "vi"


class SupervisorConfig(Section):
    """`[supervisor]`: how failing devices are tried again."""

    restart_delay_min_s: Annotated[float, Field(ge=0.01, le=60, description="seconds from 0.01 to 60")] = 0.5
    restart_delay_max_s: Annotated[float, Field(ge=0.01, le=600, description="seconds from 0.01 to 600")] = 5.0
    abandoned_runs_max: Annotated[int, Field(ge=0, le=100, description="a number from 0 to 100")] = 8
    """Hung threads that may lie about before the agent ends itself for its service manager to start it afresh."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.restart_delay_max_s < self.restart_delay_min_s:
            raise ValueError("restart_delay_max_s: expected at least restart_delay_min_s")
        return self


class Ds18b20Config(Device):
    """A DS18B20 on the kernel's 1-Wire bus."""

    driver: Literal["ds18b20"]
    base_dir: DevicePath = Path("/sys/bus/w1/devices")
    sensor_id: Annotated[
        str,
        StringConstraints(pattern=r"\A28-[0-9a-f]{12}\z"),
        Field(description='"28-" and 12 of 0-9 a-f, as the directory is named'),
    ]
    interval_s: Interval = 10.0

    @property
    def address(self) -> str:
        """The sensor's directory."""
        return str(self.base_dir / self.sensor_id)


class PcscConfig(Device):
    """A PC/SC smart-card reader."""

    driver: Literal["pcsc"]
    reader: Annotated[str, Field(max_length=200, description="a part of the reader's name, or empty for all")] = ""
    pcscd_socket: Annotated[str, Field(max_length=100, description="a socket path, or empty for the system's")] = ""

    @property
    def address(self) -> str:
        """Which readers of which daemon."""
        return f"pcsc:{self.pcscd_socket}:{self.reader}"


class NfcPn532Config(Device):
    """A PN532 NFC reader on a serial line."""

    driver: Literal["nfc_pn532"]
    path: DevicePath
    poll_interval_s: Annotated[float, Field(ge=0.01, le=10, description="seconds from 0.01 to 10")] = 0.1

    @property
    def address(self) -> str:
        """The line."""
        return str(self.path)


class LlrpConfig(Device):
    """A UHF RFID reader that speaks LLRP."""

    driver: Literal["llrp"]
    host: Host
    port: Port = 5084
    antennas: Annotated[
        tuple[Annotated[int, Field(ge=1, le=255, description="an antenna number from 1 to 255")], ...],
        BeforeValidator(as_tuple),
        Field(min_length=1, max_length=64, description="a list of antenna numbers such as [1, 2]"),
    ] = (1,)
    absent_after_s: Annotated[float, Field(ge=0.2, le=3600, description="seconds from 0.2 to 3600")] = 5.0
    """A tag without any report for so long has disappeared."""

    @property
    def address(self) -> str:
        """The reader: it serves one client at a time."""
        return f"{self.host}:{self.port}"


class SerialScannerConfig(Device):
    """A barcode scanner on a serial line (RS-232 or USB-COM)."""

    driver: Literal["serial_scanner"]
    path: DevicePath
    baud_rate: BaudRate = 9600
    terminator: Annotated[str, Field(description='1 to 4 control characters such as "\\r" or "\\r\\n"')] = "\r"
    idle_timeout_s: Annotated[float, Field(ge=0.05, le=60, description="seconds from 0.05 to 60")] = 0.5
    """Half a line that got no more bytes for so long is given up as an incomplete scan."""

    @field_validator("terminator")
    @classmethod
    def _control_characters(cls, value: str) -> str:
        if not 1 <= len(value) <= 4 or any(ord(char) >= 0x20 or char in _CODE_SEPARATORS for char in value):  # noqa: PLR2004 - stands in the description
            raise ValueError("not a line ending")
        return value

    @property
    def address(self) -> str:
        """The line."""
        return str(self.path)


class HidScannerConfig(Device):
    """A barcode scanner that types like a keyboard."""

    driver: Literal["hid_scanner"]
    path: DevicePath

    @property
    def address(self) -> str:
        """The input device."""
        return str(self.path)


DeviceConfig = Annotated[
    Ds18b20Config
    | ModbusTemperatureConfig
    | ModbusContactConfig
    | ModbusBatteryConfig
    | PcscConfig
    | NfcPn532Config
    | LlrpConfig
    | SerialScannerConfig
    | HidScannerConfig,
    Field(discriminator="driver"),
]
"""Any `[[device]]`."""


class EdgeConfig(Section):
    """The whole file."""

    node: NodeConfig
    broker: BrokerConfig
    outbox: OutboxConfig = OutboxConfig()
    cards: CardsConfig = CardsConfig()
    desk_screen: DeskScreenConfig | None = None
    """Without this table there is no such page."""
    supervisor: SupervisorConfig = SupervisorConfig()
    devices: Annotated[
        tuple[DeviceConfig, ...], BeforeValidator(as_tuple), Field(description="one [[device]] table for each device")
    ] = Field(default=(), alias="device")

    @model_validator(mode="after")
    def _devices_differ(self) -> Self:
        for device_id, count in Counter(device.device_id for device in self.devices).items():
            if count > 1:
                raise ValueError(f"[[device]] device_id = {device_id!r} stands {count} times: expected once")
            if device_id == self.node.edge_node:
                raise ValueError(f"[[device]] device_id = {device_id!r}: expected another name than node.edge_node")
        for address, count in Counter(device.address for device in self.devices).items():
            if count > 1:
                names = " and ".join(repr(device.device_id) for device in self.devices if device.address == address)
                raise ValueError(f"[[device]] {names} use the same hardware, {address}: expected one device for it")
        return self


def parse(text: str, directory: Path | None = None) -> EdgeConfig:
    """Read a configuration from its text. With `directory`, relative file names start there and files must exist.

    Raises:
        ConfigError: it is not TOML, or a key is missing, unknown or wrong.
    """
    context = None if directory is None else {"directory": directory}
    try:
        return EdgeConfig.model_validate(tomllib.loads(text), context=context)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not a TOML file: {error}") from None
    except ValidationError as error:
        raise ConfigError("\n".join(explain(EdgeConfig, error))) from None


def load(path: Path) -> EdgeConfig:
    """Read the configuration file of an edge node.

    Raises:
        ConfigError: it can't be read, is not TOML, or a key is missing, unknown or wrong. The message begins with the
            file's name, and has a line for each fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; expected a TOML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    try:
        return parse(text, path.resolve().parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
