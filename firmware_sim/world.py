"""The simulated world: one hospital, its devices, and the commands that make things happen in it."""

import inspect
import threading
from collections.abc import Callable
from pathlib import Path

from firmware_sim.antenna import Presentation
from firmware_sim.autoplay import Autoplayer, Command
from firmware_sim.card_desk import CardDesk
from firmware_sim.card_station import CardStation
from firmware_sim.chips import Chips
from firmware_sim.clock import Clock
from firmware_sim.cold_chain import ColdChain
from firmware_sim.control import CommandError, Reply
from firmware_sim.counts import Counts
from firmware_sim.hospital import generate_hospital
from firmware_sim.stock_room import StockRoom

_COUNTERS = (
    "taps", "clone_taps", "uid_only_taps", "chip_taps", "forged_taps",
    "scans", "scans_unheard", "half_scans", "nfc_tags", "garbage_tags",
    "uhf_puts", "uhf_takes", "tag_reports", "modbus_reads", "w1_conversions", "autoplay_failures",
)  # fmt: skip
_GARBAGE = "payload longer than its message"
_WAIT_S = 30.0


class World:
    """Everything simulated. `do` may be called from any thread; `step` from one, `play` from another."""

    def __init__(self, directory: Path, *, seed: int, clock: Clock, physics_speed: float) -> None:
        """Build the hospital of this seed and plug its devices in below `directory`."""
        self.counts = Counts(*_COUNTERS)
        self.stopping = threading.Event()
        self.hospital = generate_hospital(seed, clock.now().date())
        self.desk = CardDesk(self.hospital, directory / "pn532-desk-1", clock=clock, counts=self.counts)
        self.chips = Chips(seed)
        self.station = CardStation(self.chips, directory / "pn532-station")
        self.stock_room = StockRoom(self.hospital, directory, clock=clock, counts=self.counts)
        self.cold_chain = ColdChain(self.hospital, directory / "w1", physics_speed=physics_speed, counts=self.counts)
        self.autoplayer = Autoplayer(self.hospital, self._do_by_itself)
        self._verbs: dict[str, Callable[..., Reply]] = {
            "tap": self._tap,
            "tap_clone": self._tap_clone,
            "tap_uid_only": self._tap_uid_only,
            "station_put": self._station_put,
            "station_take": self._station_take,
            "tap_chip": self._tap_chip,
            "tap_forged": self._tap_forged,
            "first_answer": self._first_answer,
            "wait_removed": self._wait_removed,
            "scan": self._scan,
            "half_scan": self._half_scan,
            "nfc_tag": self._nfc_tag,
            "garbage_tag": self._garbage_tag,
            "uhf_put": self._uhf_put,
            "uhf_take": self._uhf_take,
            "warm": self._warm,
            "cool": self._cool,
            "door": self._door,
            "power": self._power,
            "battery": self._battery,
            "unplug": self._unplug,
            "plug": self._plug,
            "sensor_fault": self._sensor_fault,
            "autoplay": self._autoplay,
            "status": self._status,
            "counts": self._counts,
            "stop": self._stop,
        }

    def do(self, command: Command) -> Reply:
        """Carry out one command; `do` names it, the other members are its arguments.

        Raises:
            CommandError: no such command, wrong arguments, or it can't be done now.
        """
        arguments = {key: value for key, value in command.items() if key != "do"}
        verb = self._verbs.get(str(command.get("do")))
        if verb is None:
            raise CommandError(f"do is {command.get('do')!r}: expected one of {', '.join(self._verbs)}")
        try:
            inspect.signature(verb).bind(**arguments)
        except TypeError as error:
            expected = ", ".join(inspect.signature(verb).parameters) or "none"
            raise CommandError(f"{command.get('do')}: {error}; its arguments: {expected}") from error
        try:
            return verb(**arguments)
        except (ValueError, TimeoutError) as error:
            raise CommandError(f"{command.get('do')}: {error}") from error

    def step(self, elapsed_s: float) -> None:
        """Let `elapsed_s` seconds of the clock pass for the fridges."""
        self.cold_chain.step(elapsed_s)

    def play(self, elapsed_s: float) -> None:
        """Let `elapsed_s` seconds pass for autoplay; takes as long as a hand needs for what is due."""
        self.autoplayer.step(elapsed_s)

    def close(self) -> None:
        """Unplug everything; nothing is left in the directory."""
        self.cold_chain.close()
        self.stock_room.close()
        self.station.close()
        self.desk.close()

    def _do_by_itself(self, command: Command) -> None:
        """Autoplay goes on whatever a person has unplugged meanwhile; what failed is counted."""
        try:
            self.do(command)
        except CommandError:
            self.counts.add("autoplay_failures")

    def _tap(self, *, patient: object = None, card_id: object = None, hold_s: object = None) -> Reply:
        return self._tapped(self.desk.tap, patient, card_id, hold_s)

    def _tap_clone(self, *, patient: object = None, card_id: object = None, hold_s: object = None) -> Reply:
        return self._tapped(self.desk.tap_clone, patient, card_id, hold_s)

    def _tap_uid_only(self, *, patient: object = None, card_id: object = None, hold_s: object = None) -> Reply:
        return self._tapped(self.desk.tap_uid_only, patient, card_id, hold_s)

    def _tapped(
        self,
        tap: Callable[[int, float | None], Presentation],
        patient: object,
        card_id: object,
        hold_s: object,
    ) -> Reply:
        index = self._patient_index(patient, card_id)
        presentation = tap(index, _seconds(hold_s))
        return {
            "patient": index,
            "card_id": self.desk.card_ids[index],
            "arrived_monotonic_s": presentation.arrived_monotonic_s,
        }

    def _station_put(self, *, profile: object = None, chip: object = None) -> Reply:
        """Lay a new blank chip of a profile on the issuing desk's reader, or one that was there before."""
        if (profile is None) == (chip is None):
            raise CommandError("give either profile (piv or ntag424: a new blank chip) or chip (its number)")
        number = self.chips.new(str(profile)) if chip is None else self._chip(chip)
        self.station.put(number)
        return {"chip": number, "uid": self.chips.chip(number).uid.hex()}

    def _station_take(self) -> Reply:
        return {"was_there": self.station.take()}

    def _tap_chip(self, *, chip: object, hold_s: object = None) -> Reply:
        number = self._chip(chip)
        shown = self.desk.tap_chip(self.chips.chip(number), _seconds(hold_s), "chip_taps")
        return {"uid": self.chips.chip(number).uid.hex(), "arrived_monotonic_s": shown.arrived_monotonic_s}

    def _tap_forged(self, *, chip: object, hold_s: object = None) -> Reply:
        forged = self.chips.forged(self._chip(chip))
        shown = self.desk.tap_chip(forged, _seconds(hold_s), "forged_taps")
        return {"uid": forged.uid.hex(), "arrived_monotonic_s": shown.arrived_monotonic_s}

    def _chip(self, chip: object) -> int:
        if isinstance(chip, bool) or not isinstance(chip, int):
            raise CommandError(f"chip is {chip!r}: expected the number that station_put gave")
        self.chips.chip(chip)
        return chip

    def _first_answer(self, *, timeout_s: object = _WAIT_S) -> Reply:
        """When the reader first found the latest tapped card."""
        last = self._last_tap()
        if not last.answered.wait(_seconds(timeout_s) or _WAIT_S):
            raise TimeoutError("the reader did not find the card: does a driver read the desk's reader?")
        return {"answered_monotonic_s": last.answered_monotonic_s}

    def _wait_removed(self, *, timeout_s: object = _WAIT_S) -> Reply:
        """Wait until the latest tapped card was taken away."""
        last = self._last_tap()
        if not last.removed.wait(_seconds(timeout_s) or _WAIT_S):
            raise TimeoutError("the card still lies on the reader")
        return {"read": last.read}

    def _last_tap(self) -> Presentation:
        if self.desk.last is None:
            raise CommandError("no card was tapped yet")
        return self.desk.last

    def _scan(self, *, scanner: object = "receiving", pack: object = None, text: object = None) -> Reply:
        return {"heard": self.stock_room.scan(self._scanner(scanner), self._code(pack, text))}

    def _half_scan(self, *, scanner: object = "receiving", pack: object = 0, text: object = None) -> Reply:
        pack = None if text is not None else pack
        return {"heard": self.stock_room.half_scan(self._scanner(scanner), self._code(pack, text))}

    def _nfc_tag(self, *, pack: object = None, data_area: object = None, hold_s: object = None) -> Reply:
        if (pack is None) == (data_area is None):
            raise CommandError("give either pack (an index) or data_area (what was written into a tag, hexadecimal)")
        if data_area is None:
            presentation = self.stock_room.hold_tag(self._pack_index(pack), _seconds(hold_s))
        else:
            presentation = self.stock_room.hold_written(_bytes("data_area", data_area), _seconds(hold_s))
        return {"arrived_monotonic_s": presentation.arrived_monotonic_s}

    def _garbage_tag(self, *, kind: object = _GARBAGE, hold_s: object = None) -> Reply:
        kinds = self.stock_room.garbage_kinds()
        presentation = self.stock_room.hold_garbage(_one_of("kind", kind, kinds), _seconds(hold_s))
        return {"arrived_monotonic_s": presentation.arrived_monotonic_s}

    def _uhf_put(self, *, pack: object = None, epc: object = None, antenna: object = 1) -> Reply:
        if not isinstance(antenna, int) or antenna < 1:
            raise CommandError(f"antenna is {antenna!r}: expected a number from 1")
        found = self._epc(pack, epc)
        self.stock_room.put(found, antenna)
        return {"epc": found.hex()}

    def _uhf_take(self, *, pack: object = None, epc: object = None) -> Reply:
        found = self._epc(pack, epc)
        return {"epc": found.hex(), "was_there": self.stock_room.take(found)}

    def _epc(self, pack: object, epc: object) -> bytes:
        if (pack is None) == (epc is None):
            raise CommandError("give either pack (an index) or epc (hexadecimal)")
        return self.hospital.packs[self._pack_index(pack)].epc if epc is None else _bytes("epc", epc)

    def _warm(self, *, fridge: object, celsius: object = None) -> Reply:
        if celsius is not None and (isinstance(celsius, bool) or not isinstance(celsius, int | float)):
            raise CommandError(f"celsius is {celsius!r}: expected a number")
        self.cold_chain.warm(str(fridge), celsius)
        return {}

    def _cool(self, *, fridge: object) -> Reply:
        self.cold_chain.cool(str(fridge))
        return {}

    def _door(self, *, fridge: object, open: object) -> Reply:  # noqa: A002 - the command's word
        self.cold_chain.door(str(fridge), bool(open))
        return {}

    def _power(self, *, fridge: object, on: object) -> Reply:
        self.cold_chain.power(str(fridge), bool(on))
        return {}

    def _battery(self, *, fridge: object, percent: object) -> Reply:
        if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:  # noqa: PLR2004 - percent
            raise CommandError(f"percent is {percent!r}: expected a number from 0 to 100")
        self.cold_chain.battery(str(fridge), percent)
        return {}

    def _unplug(self, *, device: object) -> Reply:
        self._plugs(device)[0]()
        return {}

    def _plug(self, *, device: object) -> Reply:
        self._plugs(device)[1]()
        return {}

    def _plugs(self, device: object) -> tuple[Callable[[], None], Callable[[], None]]:
        """How to unplug a device and how to plug it in again."""
        room, modbus = self.stock_room, self.cold_chain.modbus
        known = {
            "pn532-desk-1": (self.desk.reader.unplug, self.desk.reader.plug),
            "pn532-station": (self.station.reader.unplug, self.station.reader.plug),
            "pn532-pharmacy": (room.nfc.unplug, room.nfc.plug),
            "scanner-receiving": (room.scanners["receiving"].unplug, room.scanners["receiving"].plug),
            "scanner-issue": (room.scanners["issue"].unplug, room.scanners["issue"].plug),
            "llrp": (room.llrp.unplug, room.llrp.plug),
            "modbus": (modbus.unplug, modbus.plug),
        }
        for sensor in self.hospital.sensors:
            if sensor.sensor_id:
                known[f"w1:{sensor.sensor_id}"] = self._one_wire_plug(sensor.sensor_id)
        return known[_one_of("device", device, tuple(known))]

    def _one_wire_plug(self, sensor_id: str) -> tuple[Callable[[], None], Callable[[], None]]:
        return (
            lambda: self.cold_chain.set_fault(sensor_id, "vanish"),
            lambda: self.cold_chain.set_fault(sensor_id, "none"),
        )

    def _sensor_fault(self, *, sensor: object, fault: object) -> Reply:
        self.cold_chain.set_fault(str(sensor), str(fault))
        return {}

    def _autoplay(self, *, on: object = True) -> Reply:
        self.autoplayer.on = bool(on)
        return {"on": self.autoplayer.on}

    def _status(self) -> Reply:
        return {
            "fridges": self.cold_chain.status(),
            "card_on_desk": self.desk.occupied,
            "shelf": sorted(tag.epc.hex() for tag in self.stock_room.shelf.tags),
            "llrp_has_client": self.stock_room.llrp.has_client,
            "listening": {name: scanner.listening for name, scanner in self.stock_room.scanners.items()},
            "autoplay": self.autoplayer.on,
        }

    def _counts(self) -> Reply:
        return dict(self.counts.as_dict())

    def _stop(self) -> Reply:
        self.stopping.set()
        return {}

    def _patient_index(self, patient: object, card_id: object) -> int:
        if (patient is None) == (card_id is None):
            raise CommandError("give either patient (an index) or card_id")
        if card_id is not None:
            ids = self.desk.card_ids
            return ids.index(_one_of("card_id", str(card_id).lower(), ids))
        return _index("patient", patient, len(self.hospital.patients))

    def _pack_index(self, pack: object) -> int:
        return _index("pack", pack, len(self.hospital.packs))

    def _scanner(self, scanner: object) -> str:
        return _one_of("scanner", scanner, tuple(self.stock_room.scanners))

    def _code(self, pack: object, text: object) -> str:
        if (pack is None) == (text is None):
            raise CommandError("give either pack (an index) or text")
        if text is not None:
            return str(text)
        return self.stock_room.symbol(self.hospital.packs[self._pack_index(pack)])


def _index(name: str, value: object, count: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise CommandError(f"{name} is {value!r}: expected 0 to {count - 1}")
    return value


def _bytes(name: str, value: object) -> bytes:
    try:
        return bytes.fromhex(str(value))
    except ValueError:
        raise CommandError(f"{name} is {value!r}: expected pairs of hexadecimal digits") from None


def _one_of(name: str, value: object, known: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in known:
        raise CommandError(f"{name} is {value!r}: expected one of {', '.join(known)}")
    return value


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3600:  # noqa: PLR2004 - an hour
        raise CommandError(f"seconds given as {value!r}: expected a number from 0 to 3600")
    return float(value)
