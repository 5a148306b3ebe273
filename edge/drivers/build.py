"""From a `[[device]]` table to its driver; each driver's libraries are imported only where such a device stands."""

import importlib
from collections.abc import Callable, Iterable

from edge.card_trust import CardTrust
from edge.config import (
    DeviceConfig,
    NfcPn532Config,
    PcscConfig,
)
from edge.config_modbus import (
    ModbusConfig,
    ModbusRtuBatteryConfig,
    ModbusRtuContactConfig,
    ModbusTcpBatteryConfig,
    ModbusTcpContactConfig,
    ModbusTcpTemperatureConfig,
)
from edge.drivers.driver import DeviceMisconfiguredError, DeviceSession, Driver

_EXTRAS = {"llrp": "uhf", "pcsc": "pcsc", "nfc_pn532": "nfc", "hid_scanner": "hid"}
"""The optional part of the distribution that a driver's libraries come with (pyproject.toml)."""

_CLASSES = {
    "ds18b20": ("edge.drivers.ds18b20", "Ds18b20Driver"),
    "pcsc": ("edge.drivers.pcsc", "PcscDriver"),
    "nfc_pn532": ("edge.drivers.nfc_pn532", "NfcPn532Driver"),
    "llrp": ("edge.drivers.llrp", "LlrpDriver"),
    "serial_scanner": ("edge.drivers.serial_scanner", "SerialScannerDriver"),
    "hid_scanner": ("edge.drivers.hid_scanner", "HidScannerDriver"),
}
"""Module and class of each driver, as text: importing one needs its libraries."""
_MODBUS_CLASSES = {
    "modbus_temperature": ("edge.drivers.modbus_temperature", "ModbusTemperatureDriver"),
    "modbus_contact": ("edge.drivers.modbus_contact", "ModbusContactDriver"),
    "modbus_battery": ("edge.drivers.modbus_battery", "ModbusBatteryDriver"),
}


class MisconfiguredDriver:
    """Stands for a device whose driver could not be made: down for good, and the others run."""

    watchdog_s = 5.0

    def __init__(self, device_id: str, kind: str, error: DeviceMisconfiguredError) -> None:
        """`error`: what `build_driver` said."""
        self.device_id = device_id
        self.kind = kind
        self._error = error

    def run(self, session: DeviceSession) -> None:
        """Raise what is wrong.

        Raises:
            DeviceMisconfiguredError: always.
        """
        session.alive()
        raise self._error

    def abort(self) -> None:
        """Nothing is open."""


def build_drivers(devices: Iterable[DeviceConfig], cards: CardTrust) -> list[Driver]:
    """A driver for each device, in order; one that can't be made is reported by its supervisor, not raised here."""
    drivers: list[Driver] = []
    for device in devices:
        try:
            drivers.append(build_driver(device, cards))
        except DeviceMisconfiguredError as error:
            drivers.append(MisconfiguredDriver(device.device_id, device.driver, error))
    return drivers


def build_driver(device: DeviceConfig, cards: CardTrust) -> Driver:
    """The driver of a device.

    Raises:
        DeviceMisconfiguredError: a library of the driver is not installed; the message names the command that installs
            it.
    """
    try:
        return _build(device, cards)
    except ImportError as error:
        extra = _EXTRAS.get(device.driver)
        mend = f"pip install medtap[{extra}]" if extra else "install medtap anew"
        raise DeviceMisconfiguredError(f"driver {device.driver!r} needs {error.name!r}, not here: {mend}") from error


def _build(device: DeviceConfig, cards: CardTrust) -> Driver:
    if isinstance(device, ModbusConfig):
        return _modbus(device)
    module, name = _CLASSES[device.driver]
    if isinstance(device, PcscConfig | NfcPn532Config):
        return _make(module, name, device, cards=cards)
    return _make(module, name, device)


def _make(module: str, name: str, device: DeviceConfig, **more: object) -> Driver:
    """Import a driver's class and make it: the keys of the table are the constructor's keywords."""
    driver: Callable[..., Driver] = getattr(importlib.import_module(module), name)
    keys = {key: getattr(device, key) for key in type(device).model_fields if key not in ("driver", "description")}
    return driver(**keys, **more)


def _modbus(device: ModbusConfig) -> Driver:
    from edge.drivers.modbus_line import SerialLine, TcpLine  # noqa: PLC0415 - lazily

    line: TcpLine | SerialLine
    if isinstance(device, ModbusTcpTemperatureConfig | ModbusTcpBatteryConfig | ModbusTcpContactConfig):
        line = TcpLine(device.host, device.port)
    else:
        line = SerialLine(device.path, device.baud_rate, device.parity)
    module, name = _MODBUS_CLASSES[device.driver]
    driver: Callable[..., Driver] = getattr(importlib.import_module(module), name)
    shared = {"device_id": device.device_id, "line": line, "unit_id": device.unit_id, "interval_s": device.interval_s}
    if isinstance(device, ModbusTcpContactConfig | ModbusRtuContactConfig):
        return driver(
            **shared,
            address=device.input_address,
            table=device.input_kind,
            contact=device.contact,
            one_means=device.one_means,
            settle_s=device.settle_s,
        )
    register = {"register": device.register_address, "register_kind": device.register_kind, "scale": device.scale}
    if isinstance(device, ModbusTcpBatteryConfig | ModbusRtuBatteryConfig):
        return driver(**shared, **register, says=device.says)
    return driver(**shared, **register)
