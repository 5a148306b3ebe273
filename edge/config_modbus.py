"""Devices on Modbus, TCP or serial: thermometers, contacts of doors and of the mains, batteries."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge.config_base import BaudRate, Device, DevicePath, Host, Interval, Port
from edge.contracts.observations import CONTACT_STATES


class _Unit(Device):
    unit_id: Annotated[int, Field(ge=0, le=255, description="a unit address from 0 to 255")]


class _OverTcp(_Unit):
    transport: Literal["tcp"]
    host: Host
    port: Port = 502

    @property
    def line(self) -> str:
        """The unit's place on the network."""
        return f"{self.host}:{self.port}/{self.unit_id}"


class _OverRtu(_Unit):
    transport: Literal["rtu"]
    path: DevicePath
    baud_rate: BaudRate = 9600
    parity: Annotated[Literal["none", "even", "odd"], Field(description='"none", "even" or "odd"')] = "none"

    @property
    def line(self) -> str:
        """The unit's place on its line; several may share the line."""
        return f"{self.path}/{self.unit_id}"


class _Register(_Unit):
    register_address: Annotated[
        int, Field(alias="register", ge=0, le=65535, description="a register address, counted from 0, up to 65535")
    ]
    register_kind: Annotated[Literal["input", "holding"], Field(description='"input" or "holding"')] = "input"

    @property
    def place(self) -> str:
        """The register within the unit."""
        return f"{self.register_kind}/{self.register_address}"


class _Temperature(_Register):
    driver: Literal["modbus_temperature"]
    scale: Annotated[float, Field(gt=0, le=10, description="degrees Celsius for one count, above 0 and up to 10")] = 0.1
    """The register is a signed 16-bit number; times this it is degrees Celsius."""
    interval_s: Interval = 10.0


class _Battery(_Register):
    driver: Literal["modbus_battery"]
    says: Annotated[Literal["percent", "volts"], Field(description='"percent" or "volts"')] = "percent"
    scale: Annotated[float, Field(gt=0, le=100, description="percent or volts for one count, up to 100")] = 1.0
    interval_s: Interval = 600.0


class _Contact(_Unit):
    driver: Literal["modbus_contact"]
    contact: Annotated[Literal["door", "mains_power"], Field(description='"door" or "mains_power"')]
    input_address: Annotated[
        int, Field(alias="input", ge=0, le=65535, description="an input address, counted from 0, up to 65535")
    ]
    input_kind: Annotated[Literal["discrete", "coil"], Field(description='"discrete" or "coil"')] = "discrete"
    one_means: Annotated[
        Literal["open", "closed", "on", "off"],
        Field(description='"open" or "closed", "on" or "off"'),
    ]
    """What the bit says when it is 1: it depends on how the contact is wired."""
    interval_s: Interval = 1.0
    settle_s: Annotated[float, Field(ge=0, le=60, description="seconds from 0 to 60")] = 2.0
    """A change must last so long: contacts bounce, and a door that is let go of swings."""

    @model_validator(mode="after")
    def _means_what_it_can(self) -> Self:
        if self.one_means not in CONTACT_STATES[self.contact]:
            expected = " or ".join(f'"{state}"' for state in CONTACT_STATES[self.contact])
            raise ValueError(f"one_means: expected {expected} of contact {self.contact!r}")
        return self

    @property
    def place(self) -> str:
        """The bit within the unit."""
        return f"{self.input_kind}/{self.input_address}"


class ModbusTcpTemperatureConfig(_OverTcp, _Temperature):
    """A temperature transmitter on Modbus TCP."""

    @property
    def address(self) -> str:
        """One register of one unit behind one host."""
        return f"{self.line}/{self.place}"


class ModbusRtuTemperatureConfig(_OverRtu, _Temperature):
    """A temperature transmitter on a serial Modbus line."""

    @property
    def address(self) -> str:
        """One register of one unit on one line."""
        return f"{self.line}/{self.place}"


class ModbusTcpBatteryConfig(_OverTcp, _Battery):
    """A battery that a unit on Modbus TCP measures."""

    @property
    def address(self) -> str:
        """One register of one unit behind one host."""
        return f"{self.line}/{self.place}"


class ModbusRtuBatteryConfig(_OverRtu, _Battery):
    """A battery that a unit on a serial Modbus line measures."""

    @property
    def address(self) -> str:
        """One register of one unit on one line."""
        return f"{self.line}/{self.place}"


class ModbusTcpContactConfig(_OverTcp, _Contact):
    """A contact at an input of a unit on Modbus TCP."""

    @property
    def address(self) -> str:
        """One bit of one unit behind one host."""
        return f"{self.line}/{self.place}"


class ModbusRtuContactConfig(_OverRtu, _Contact):
    """A contact at an input of a unit on a serial Modbus line."""

    @property
    def address(self) -> str:
        """One bit of one unit on one line."""
        return f"{self.line}/{self.place}"


ModbusConfig = (
    ModbusTcpTemperatureConfig
    | ModbusRtuTemperatureConfig
    | ModbusTcpBatteryConfig
    | ModbusRtuBatteryConfig
    | ModbusTcpContactConfig
    | ModbusRtuContactConfig
)
ModbusTemperatureConfig = Annotated[
    ModbusTcpTemperatureConfig | ModbusRtuTemperatureConfig, Field(discriminator="transport")
]
ModbusBatteryConfig = Annotated[ModbusTcpBatteryConfig | ModbusRtuBatteryConfig, Field(discriminator="transport")]
ModbusContactConfig = Annotated[ModbusTcpContactConfig | ModbusRtuContactConfig, Field(discriminator="transport")]
