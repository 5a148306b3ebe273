"""The fridges and their thermometers: physics in, 1-Wire files and Modbus registers out."""

import threading
from pathlib import Path

from firmware_sim.counts import Counts
from firmware_sim.fridge import Fridge
from firmware_sim.hospital import ContactSpec, Hospital, SensorSpec
from firmware_sim.modbus_transmitter import Channel, Contact, ModbusFault, ModbusTransmitter
from firmware_sim.w1_directory import W1Directory, W1Fault

_CONVERSION_S = 0.25
"""How often the 1-Wire files are rewritten, in real seconds; a DS18B20 needs 0.75 s for 12 bits (data sheet)."""


class ColdChain:
    """All fridges and rooms of the hospital. Thread-safe."""

    def __init__(self, hospital: Hospital, w1_base_dir: Path, *, physics_speed: float, counts: Counts) -> None:
        """Start the thermometers. `physics_speed`: seconds of fridge time in one second of the clock."""
        self._speed = physics_speed
        self._counts = counts
        self._lock = threading.Lock()
        self._sensors = hospital.sensors
        self._fridges = {
            spec.fridge_id: Fridge(spec, f"{hospital.seed}/fridge/{spec.fridge_id}") for spec in hospital.fridges
        }
        self._one_wire = [sensor for sensor in hospital.sensors if sensor.sensor_id]
        self.w1 = W1Directory(w1_base_dir, {sensor.sensor_id: self._measure(sensor) for sensor in self._one_wire})
        channels = [self._channel(sensor) for sensor in hospital.sensors if sensor.unit_id]
        channels += [self._battery(each) for each in hospital.contacts]
        contacts = [contact for each in hospital.contacts for contact in self._contacts(each)]
        self.modbus = ModbusTransmitter(channels, contacts, counts=counts)
        self._since_conversion_s = 0.0

    def step(self, elapsed_s: float) -> None:
        """Let `elapsed_s` seconds of the clock pass."""
        with self._lock:
            for fridge in self._fridges.values():
                fridge.step(elapsed_s * self._speed)
        self._since_conversion_s += elapsed_s
        if self._since_conversion_s >= _CONVERSION_S:
            self._since_conversion_s = 0.0
            for sensor in self._one_wire:
                self.w1.set_celsius(sensor.sensor_id, self._measure(sensor))
            self.w1.tick()
            self._counts.add("w1_conversions", len(self._one_wire))

    def warm(self, fridge_id: str, celsius: float | None) -> None:
        """Let a fridge fail (see `Fridge.warm`)."""
        with self._lock:
            self._fridge(fridge_id).warm(celsius)

    def cool(self, fridge_id: str) -> None:
        """Mend a fridge."""
        with self._lock:
            self._fridge(fridge_id).cool()

    def door(self, fridge_id: str, door_open: bool) -> None:
        """Open or shut its door."""
        with self._lock:
            self._fridge(fridge_id).door_open = door_open

    def power(self, fridge_id: str, power_on: bool) -> None:
        """Cut its mains supply, or give it back."""
        with self._lock:
            self._fridge(fridge_id).power_on = power_on

    def battery(self, fridge_id: str, percent: float) -> None:
        """How full the battery of its logger is from now on."""
        with self._lock:
            self._fridge(fridge_id).battery_percent = percent

    def set_fault(self, sensor: str, fault: str) -> None:
        """Break a thermometer, named by its 1-Wire id or its Modbus unit; `none` mends it.

        Raises:
            ValueError: no such sensor, or a fault that this kind of sensor does not have.
        """
        spec = self._sensor(sensor)
        kinds = W1Fault if spec.sensor_id else ModbusFault
        names = [kind.value for kind in kinds]
        if fault not in names:
            raise ValueError(f"fault is {fault!r}: sensor {sensor!r} knows {', '.join(names)}")
        if spec.sensor_id:
            self.w1.set_fault(spec.sensor_id, W1Fault(fault))
            self.w1.tick()
        else:
            self.modbus.set_fault(spec.unit_id, ModbusFault(fault))

    def status(self) -> dict[str, dict[str, float | bool]]:
        """What each fridge is like now, by its id."""
        with self._lock:
            return {
                name: {
                    "air_celsius": round(fridge.air_celsius, 2),
                    "probe_celsius": round(fridge.probe_celsius, 2),
                    "compressor_on": fridge.compressor_on,
                    "compressor_dead": fridge.compressor_dead,
                    "door_open": fridge.door_open,
                    "power_on": fridge.power_on,
                }
                for name, fridge in self._fridges.items()
            }

    def close(self) -> None:
        """End the thermometers."""
        self.modbus.close()
        self.w1.close()

    def _fridge(self, fridge_id: str) -> Fridge:
        if fridge_id not in self._fridges:
            raise ValueError(f"fridge is {fridge_id!r}: expected one of {', '.join(self._fridges)}")
        return self._fridges[fridge_id]

    def _sensor(self, name: str) -> SensorSpec:
        for sensor in self._sensors:
            if name == (sensor.sensor_id or str(sensor.unit_id)):
                return sensor
        known = [sensor.sensor_id or str(sensor.unit_id) for sensor in self._sensors]
        raise ValueError(f"sensor is {name!r}: expected one of {', '.join(known)}")

    def _measure(self, sensor: SensorSpec) -> float:
        with self._lock:
            return self._fridges[sensor.fridge_id].measure()

    def _channel(self, sensor: SensorSpec) -> Channel:
        return Channel(sensor.unit_id, sensor.register, lambda: self._measure(sensor))

    def _contacts(self, spec: ContactSpec) -> tuple[Contact, Contact]:
        fridge = self._fridge(spec.fridge_id)
        return (
            Contact(spec.unit_id, spec.door_input, lambda: fridge.door_open),
            Contact(spec.unit_id, spec.mains_input, lambda: fridge.power_on),
        )

    def _battery(self, spec: ContactSpec) -> Channel:
        fridge = self._fridge(spec.fridge_id)
        return Channel(spec.unit_id, spec.battery_register, lambda: fridge.battery_percent, scale=1.0)
