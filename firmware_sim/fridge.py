"""How a fridge (or an air-conditioned room) warms and cools: first-order physics, thermostat, door, failures.

A plain lumped model, enough for plausible curves: the air follows its surroundings with one time constant through the
walls and a shorter one through the open door, and the evaporator pulls it down while the compressor runs.
"""

import math
import random
from dataclasses import dataclass

_STEP_S = 5.0
"""Longest integration step: small against the shortest time constant below."""


@dataclass(frozen=True)
class FridgeSpec:
    """One fridge: its name, its limits and its physics."""

    fridge_id: str
    name_vi: str
    name_en: str
    low_celsius: float
    high_celsius: float
    setpoint_celsius: float
    hysteresis_celsius: float = 1.0
    """The compressor starts this far above the setpoint and stops this far below."""
    ambient_celsius: float = 28.0
    """Around it: a store in Ho Chi Minh City."""
    evaporator_celsius: float = -10.0
    wall_time_constant_s: float = 14_400.0
    """Closed and without power it needs four hours for 63 percent of the way to ambient."""
    door_time_constant_s: float = 1_800.0
    evaporator_time_constant_s: float = 1_500.0
    failure_time_constant_s: float = 120.0
    """Of a defrost heater that stays on, as `Fridge.warm` with a temperature."""
    probe_time_constant_s: float = 60.0
    """The probe stands in a small bottle of glycol, so that a door opening is not an alarm."""
    probe_noise_celsius: float = 0.03


class Fridge:
    """One fridge in time. Not thread-safe: the cold chain steps it under its lock."""

    def __init__(self, spec: FridgeSpec, seed: str) -> None:
        """Cold, closed and running."""
        self.spec = spec
        self._random = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
        self.air_celsius = spec.setpoint_celsius
        self._probe_celsius = spec.setpoint_celsius
        self.compressor_on = False
        self.compressor_dead = False
        self.door_open = False
        self.power_on = True
        self.battery_percent = 100.0
        """Of the logger at its wall."""
        self._heater_celsius: float | None = None

    def warm(self, celsius: float | None = None) -> None:
        """Fail: the compressor dies and the door stays ajar; with `celsius` a heater drives the air there instead."""
        self.compressor_dead = True
        self.compressor_on = False
        self._heater_celsius = celsius
        self.door_open = celsius is None

    def cool(self) -> None:
        """Mended: the compressor runs again, the door is shut, the power is on."""
        self.compressor_dead = False
        self.power_on = True
        self._heater_celsius = None
        self.door_open = False

    @property
    def probe_celsius(self) -> float:
        """What the probe measures: the air with a lag. Noise comes with `measure`."""
        return self._probe_celsius

    def measure(self) -> float:
        """One measurement in Celsius, with the probe's noise."""
        return self._random.gauss(self._probe_celsius, self.spec.probe_noise_celsius)

    def step(self, seconds: float) -> None:
        """Let `seconds` of the fridge's own time pass."""
        while seconds > 0:
            part = min(seconds, _STEP_S)
            self._step(part)
            seconds -= part

    def _step(self, seconds: float) -> None:
        spec = self.spec
        self._thermostat()
        if self._heater_celsius is not None:
            self._approach(self._heater_celsius, spec.failure_time_constant_s, seconds)
        else:
            self._approach(spec.ambient_celsius, spec.wall_time_constant_s, seconds)
            if self.door_open:
                self._approach(spec.ambient_celsius, spec.door_time_constant_s, seconds)
            if self.compressor_on:
                self._approach(spec.evaporator_celsius, spec.evaporator_time_constant_s, seconds)
        share = 1 - math.exp(-seconds / spec.probe_time_constant_s)
        self._probe_celsius += (self.air_celsius - self._probe_celsius) * share

    def _thermostat(self) -> None:
        if self.compressor_dead or not self.power_on:
            self.compressor_on = False
        elif self.air_celsius >= self.spec.setpoint_celsius + self.spec.hysteresis_celsius:
            self.compressor_on = True
        elif self.air_celsius <= self.spec.setpoint_celsius - self.spec.hysteresis_celsius:
            self.compressor_on = False

    def _approach(self, target_celsius: float, time_constant_s: float, seconds: float) -> None:
        self.air_celsius += (target_celsius - self.air_celsius) * (1 - math.exp(-seconds / time_constant_s))
