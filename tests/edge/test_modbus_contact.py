"""Contacts and batteries on Modbus: said once at the start, then at each change that lasts."""

import logging
from collections.abc import Iterator
from typing import Literal

import pytest

import edge.drivers.modbus_line as line_module
from edge.contracts.observations import BatteryMeasured, ContactChanged
from edge.drivers.modbus_battery import ModbusBatteryDriver
from edge.drivers.modbus_contact import ModbusContactDriver, State
from edge.drivers.modbus_line import TcpLine
from firmware_sim.modbus_transmitter import Channel, Contact, ModbusFault, ModbusTransmitter
from tests.edge.fake_session import FakeSession, RunningDriver

UNIT = 21


class Fridge:
    """What the contacts are at."""

    def __init__(self) -> None:
        self.door_open = False
        self.power_on = True
        self.counts = 87.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that answers late, for the machine is busy, is no silent one."""
    monkeypatch.setattr(line_module, "ANSWER_TIMEOUT_S", 30.0)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


@pytest.fixture
def fridge() -> Fridge:
    return Fridge()


@pytest.fixture
def module(fridge: Fridge) -> Iterator[ModbusTransmitter]:
    contacts = [Contact(UNIT, 0, lambda: fridge.door_open), Contact(UNIT, 1, lambda: fridge.power_on)]
    with ModbusTransmitter([Channel(UNIT, 8, lambda: fridge.counts, scale=1.0)], contacts) as bus:
        yield bus


def contact(
    module: ModbusTransmitter,
    address: int = 0,
    *,
    of: Literal["door", "mains_power"] = "door",
    one_means: State = "open",
    settle_s: float = 0.0,
    table: Literal["discrete", "coil"] = "discrete",
) -> ModbusContactDriver:
    return ModbusContactDriver(
        device_id="contact",
        line=TcpLine("127.0.0.1", module.port),
        unit_id=UNIT,
        address=address,
        table=table,
        contact=of,
        one_means=one_means,
        interval_s=0.02,
        settle_s=settle_s,
    )


def said(seen: FakeSession) -> list[tuple[str, bool]]:
    return [(each.state, each.is_change) for each in seen.of_kind(ContactChanged)]


@pytest.mark.parametrize("table", ["discrete", "coil"])
def test_a_door_is_said_as_it_is_found_and_then_at_each_change(
    module: ModbusTransmitter, fridge: Fridge, table: Literal["discrete", "coil"]
) -> None:
    with RunningDriver(contact(module, table=table), FakeSession()) as seen:
        seen.wait_for(lambda: said(seen) == [("closed", False)])
        fridge.door_open = True
        seen.wait_for(lambda: len(said(seen)) == 2)
        fridge.door_open = False
        seen.wait_for(lambda: len(said(seen)) == 3)
    assert said(seen) == [("closed", False), ("open", True), ("closed", True)]
    assert (seen.faults, seen.losses) == ([], [])


def test_a_contact_means_what_its_wiring_says(module: ModbusTransmitter, fridge: Fridge) -> None:
    with (
        RunningDriver(contact(module, 1, of="mains_power", one_means="on"), FakeSession()) as on,
        RunningDriver(contact(module, 1, of="mains_power", one_means="off"), FakeSession()) as off,
    ):
        on.wait_for(lambda: said(on) == [("on", False)])
        off.wait_for(lambda: said(off) == [("off", False)])
        fridge.power_on = False
        on.wait_for(lambda: ("off", True) in said(on))
        off.wait_for(lambda: ("on", True) in said(off))


def _looked_again(seen: FakeSession) -> None:
    looks = len(seen.ups) + 2
    seen.wait_for(lambda: len(seen.ups) >= looks)


def test_a_change_that_does_not_last_is_not_said(module: ModbusTransmitter, fridge: Fridge) -> None:
    with RunningDriver(contact(module, settle_s=3600.0), FakeSession()) as seen:
        seen.wait_for(lambda: len(said(seen)) == 1)
        for door_open in (True, False):
            fridge.door_open = door_open
            _looked_again(seen)
    assert said(seen) == [("closed", False)]


def test_what_changed_while_the_module_was_away_is_said_when_it_is_back(
    module: ModbusTransmitter, fridge: Fridge
) -> None:
    with RunningDriver(contact(module), FakeSession()) as seen:
        seen.wait_for(lambda: len(said(seen)) == 1)
        module.unplug()
        seen.wait_for(lambda: len(seen.losses) >= 1)
        fridge.door_open = True
        module.plug()
        seen.wait_for(lambda: said(seen)[-1] == ("open", False))


def test_an_input_that_is_not_there_is_reported_with_its_meaning(module: ModbusTransmitter) -> None:
    with RunningDriver(contact(module, 5), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.losses) >= 1)
    assert seen.faults[0].code == "bad_reply"
    assert "exception 2, illegal data address" in seen.faults[0].detail


def test_a_battery_is_told_in_percent_or_volts_and_nonsense_is_refused(
    module: ModbusTransmitter, fridge: Fridge
) -> None:
    def battery(says: Literal["percent", "volts"], scale: float) -> ModbusBatteryDriver:
        return ModbusBatteryDriver(
            device_id="battery",
            line=TcpLine("127.0.0.1", module.port),
            unit_id=UNIT,
            register=8,
            register_kind="input",
            says=says,
            scale=scale,
            interval_s=0.02,
        )

    with (
        RunningDriver(battery("percent", 1.0), FakeSession()) as percent,
        RunningDriver(battery("volts", 0.041), FakeSession()) as volts,
    ):
        percent.wait_for(lambda: len(percent.of_kind(BatteryMeasured)) >= 1)
        volts.wait_for(lambda: len(volts.of_kind(BatteryMeasured)) >= 1)
        fridge.counts = 4000.0
        percent.wait_for(lambda: len(percent.faults) >= 1)
    first = percent.of_kind(BatteryMeasured)[0]
    assert (first.percent, first.volts) == (87.0, None)
    assert volts.of_kind(BatteryMeasured)[0].volts == 3.567
    assert percent.faults[0].code == "implausible_value"


def test_a_silent_module_is_lost(module: ModbusTransmitter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "ANSWER_TIMEOUT_S", 0.3)
    module.set_fault(UNIT, ModbusFault.SILENT)
    with RunningDriver(contact(module), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.losses) >= 1)
    assert "no answer" in str(seen.losses[0])
