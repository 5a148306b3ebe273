"""From a configuration to drivers: the right one for each table, and a clear word where a library is missing."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge import config
from edge.card_trust import CardTrust
from edge.clock import SystemClock
from edge.config import DeviceConfig, EdgeConfig, load, parse
from edge.contracts.observations import DeviceStateChanged, Event, Telemetry
from edge.drivers.build import MisconfiguredDriver, build_driver, build_drivers
from edge.drivers.driver import DeviceMisconfiguredError
from edge.drivers.modbus_temperature import ModbusTemperatureDriver
from edge.supervisor import Supervisor
from tests.edge.fake_session import FakeSession

SAMPLE = Path(config.__file__).parent / "sample.toml"
NO_CARDS = CardTrust()
NEEDS = {"pcsc": "smartcard", "nfc_pn532": "nfc", "llrp": "llrpkit", "hid_scanner": "evdev"}


def node(devices: str) -> EdgeConfig:
    return parse('[node]\nsite="s"\nedge_node="n"\nstate_dir="x"\n[broker]\nhost="h"\n' + devices)


HID = '[[device]]\ndevice_id="scanner"\ndriver="hid_scanner"\npath="/dev/input/event3"\n'
SERIAL = '[[device]]\ndevice_id="serial"\ndriver="serial_scanner"\npath="/dev/ttyACM0"\n'


@pytest.mark.parametrize("device", load(SAMPLE).devices, ids=lambda device: str(device.device_id))
def test_every_device_of_the_sample_has_a_driver_of_its_name(device: DeviceConfig) -> None:
    if device.driver in NEEDS and find_spec(NEEDS[device.driver]) is None:
        pytest.skip(f"{NEEDS[device.driver]} is not installed")
    driver = build_driver(device, NO_CARDS)
    assert (driver.device_id, driver.kind) == (device.device_id, device.driver)
    assert driver.watchdog_s >= 1
    driver.abort()


def test_both_transports_of_modbus_are_the_same_driver() -> None:
    tcp, rtu = (device for device in load(SAMPLE).devices if device.driver == "modbus_temperature")
    assert isinstance(build_driver(tcp, NO_CARDS), ModbusTemperatureDriver)
    assert isinstance(build_driver(rtu, NO_CARDS), ModbusTemperatureDriver)


def _forget(monkeypatch: pytest.MonkeyPatch, library: str, module: str) -> None:
    """As if `library` were not installed."""
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.mark.parametrize(
    ("driver", "library", "mend"),
    [
        ("hid_scanner", "evdev", "pip install medtap[hid]"),
        ("llrp", "llrpkit", "pip install medtap[uhf]"),
        ("serial_scanner", "serial", "install medtap anew"),
    ],
)
def test_a_missing_library_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, driver: str, library: str, mend: str
) -> None:
    _forget(monkeypatch, library, f"edge.drivers.{driver}")
    device = next(device for device in load(SAMPLE).devices if device.driver == driver)
    with pytest.raises(DeviceMisconfiguredError) as refused:
        build_driver(device, NO_CARDS)
    assert str(refused.value) == f"driver {driver!r} needs {library!r}, not here: {mend}"


def test_a_device_without_its_library_is_down_with_the_mend_and_the_others_are_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _forget(monkeypatch, "evdev", "edge.drivers.hid_scanner")
    broken, whole = build_drivers(node(HID + SERIAL).devices, NO_CARDS)
    assert isinstance(broken, MisconfiguredDriver)
    assert (whole.device_id, whole.kind) == ("serial", "serial_scanner")
    rows: list[Event | Telemetry] = []

    class Rows:
        def record_event(self, event: Event) -> None:
            rows.append(event)

        def record_telemetry(self, telemetry: Telemetry) -> None:
            rows.append(telemetry)

    supervisor = Supervisor([broken], Rows(), SystemClock())
    supervisor.start()
    FakeSession().wait_for(lambda: supervisor.states()["scanner"].state == "down" and len(rows) == 1)
    assert supervisor.stop() == ()
    assert isinstance(rows[0], DeviceStateChanged)
    assert rows[0].reason == "driver 'hid_scanner' needs 'evdev', not here: pip install medtap[hid]"
    assert supervisor.states()["scanner"].driver == "hid_scanner"


def test_a_node_without_such_devices_does_not_load_their_libraries() -> None:
    code = (
        "import sys\n"
        "from edge.config import parse\n"
        "from edge.drivers.build import build_drivers\n"
        "from edge.card_trust import CardTrust\n"
        f"build_drivers(parse({_text()!r}).devices, CardTrust())\n"
        "print(sorted({'evdev', 'llrpkit', 'nfc', 'pymodbus', 'smartcard'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _text() -> str:
    return '[node]\nsite="s"\nedge_node="n"\nstate_dir="x"\n[broker]\nhost="h"\n' + SERIAL
