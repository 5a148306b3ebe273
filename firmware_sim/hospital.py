"""Who and what is in the simulated hospital: generated from a seed, before any device exists.

The same seed and day give the same patients, packs and places. Nobody in it is real.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid5

from firmware_sim.fridge import FridgeSpec
from firmware_sim.gs1_text import digital_link, element_string
from firmware_sim.products import COMPANY_PREFIX, Product, all_products
from firmware_sim.sgtin import LARGEST_SERIAL, encode_sgtin96
from firmware_sim.vietnamese_names import draw_name

_NAMESPACE = UUID("7b0c5d2e-3f0e-5b51-9d53-6d656474617a")
"""Of this simulation only."""
_PATIENTS = 30
_LOST_CARDS = 1
"""The last ones in the list."""
_LOTS_PER_PRODUCT = 3
_PACKS_PER_LOT = 5
_CHILD_UNDER_SIX_YEARS = 6
_OLDEST_DAYS = 15 * 365
_DAYS_IN_YEAR = 365.25
_DIGITAL_LINK_HOST = "id.nhathuoc.example"


@dataclass(frozen=True)
class Patient:
    """One child."""

    patient_id: UUID
    patient_number: str
    full_name: str
    birth_date: date
    sex: str
    """ "female" or "male"."""
    insurance_number: str
    """Shape of a Vietnamese health insurance number: two letters of the group, benefit level, province, ten digits."""
    allergy_flag: bool
    card_state: str
    """What the hospital's books say of the card: "active" or "lost"."""


@dataclass(frozen=True)
class Pack:
    """One serialised pack with all its symbols."""

    gtin: str
    lot: str
    expiry_date: date
    serial_number: str
    element_string: str
    """In the DataMatrix; AIM identifier not included."""
    digital_link: str
    """On the NFC tag."""
    epc: bytes
    """On the UHF label: SGTIN-96."""


@dataclass(frozen=True)
class SensorSpec:
    """One thermometer and the place it hangs in."""

    fridge_id: str
    sensor_id: str = ""
    """1-Wire id, empty for Modbus."""
    unit_id: int = 0
    """Modbus unit, 0 for 1-Wire."""
    register: int = 0


@dataclass(frozen=True)
class ContactSpec:
    """A module at a fridge: door and mains at its inputs, the battery of its logger in a register."""

    fridge_id: str
    unit_id: int
    door_input: int = 0
    """1: open."""
    mains_input: int = 1
    """1: on."""
    battery_register: int = 8
    """Percent."""


@dataclass(frozen=True)
class Hospital:
    """All of it."""

    seed: int
    patients: tuple[Patient, ...]
    products: tuple[Product, ...]
    packs: tuple[Pack, ...]
    fridges: tuple[FridgeSpec, ...]
    sensors: tuple[SensorSpec, ...]
    contacts: tuple[ContactSpec, ...]


def generate_hospital(seed: int, today: date) -> Hospital:
    """The hospital of this seed; ages and expiry dates are counted from `today`."""
    products = all_products()
    return Hospital(
        seed=seed,
        patients=_patients(seed, today),
        products=products,
        packs=_packs(seed, products, today),
        fridges=_FRIDGES,
        sensors=_sensors(seed),
        contacts=tuple(ContactSpec(spec.fridge_id, 20 + n) for n, spec in enumerate(_FRIDGES, 1)),
    )


def _random(seed: int, purpose: str) -> random.Random:
    """A stream of its own for each purpose, so that more patients do not change the packs."""
    return random.Random(f"{seed}/{purpose}")  # noqa: S311 - a simulation must be repeatable


def _patients(seed: int, today: date) -> tuple[Patient, ...]:
    rng = _random(seed, "patients")
    patients = []
    for number in range(_PATIENTS):
        sex = rng.choice(("female", "male"))
        birth_date = today - timedelta(days=rng.randrange(20, _OLDEST_DAYS))
        patients.append(
            Patient(
                patient_id=uuid5(_NAMESPACE, f"{seed}/patient/{number}"),
                patient_number=f"{today:%y}{rng.randrange(100, 999)}{number:03d}",
                full_name=draw_name(rng, sex),
                birth_date=birth_date,
                sex=sex,
                insurance_number=_insurance_number(rng, birth_date, today),
                allergy_flag=rng.random() < 0.15,  # noqa: PLR2004 - about every seventh child
                card_state="lost" if number >= _PATIENTS - _LOST_CARDS else "active",
            )
        )
    return tuple(patients)


def _insurance_number(rng: random.Random, birth_date: date, today: date) -> str:
    """TE1: child under six, everything paid; HS4: pupil, 80 percent. 79 is Ho Chi Minh City (Decision 1351/QD-BHXH)."""
    young = (today - birth_date).days / _DAYS_IN_YEAR < _CHILD_UNDER_SIX_YEARS
    return f"{'TE1' if young else 'HS4'}79{rng.randrange(10**10):010d}"


def _packs(seed: int, products: tuple[Product, ...], today: date) -> tuple[Pack, ...]:
    rng = _random(seed, "packs")
    packs = []
    serials: set[int] = set()
    for product in products:
        for _ in range(_LOTS_PER_PRODUCT):
            lot = f"{rng.choice('ABCDEFGHKLMNPV')}{today:%y}{rng.randrange(1000, 9999)}"
            expiry_date = today + timedelta(days=rng.randrange(60, 900))
            for _ in range(_PACKS_PER_LOT):
                serial = rng.randrange(10**9, LARGEST_SERIAL)
                while serial in serials:
                    serial = rng.randrange(10**9, LARGEST_SERIAL)
                serials.add(serial)
                packs.append(_pack(product.gtin, lot, expiry_date, str(serial)))
    rng.shuffle(packs)
    return tuple(packs)


def _pack(gtin: str, lot: str, expiry_date: date, serial_number: str) -> Pack:
    return Pack(
        gtin=gtin,
        lot=lot,
        expiry_date=expiry_date,
        serial_number=serial_number,
        element_string=element_string(gtin, expiry_date, lot, serial_number),
        digital_link=digital_link(gtin, expiry_date, lot, serial_number, _DIGITAL_LINK_HOST),
        epc=encode_sgtin96(gtin, len(COMPANY_PREFIX), serial_number),
    )


_FRIDGES = (
    FridgeSpec("fridge-1", "Tủ lạnh vắc xin số 1", "Vaccine fridge 1", 2.0, 8.0, setpoint_celsius=5.0),
    FridgeSpec("fridge-2", "Tủ lạnh vắc xin số 2", "Vaccine fridge 2", 2.0, 8.0, setpoint_celsius=4.5),
    FridgeSpec("fridge-3", "Tủ lạnh thuốc", "Drug fridge", 2.0, 8.0, setpoint_celsius=5.0),
    FridgeSpec(
        "room-1",
        "Phòng kho thuốc thường",
        "Room-temperature store",
        15.0,
        25.0,
        setpoint_celsius=22.0,
        hysteresis_celsius=0.7,
        ambient_celsius=32.0,
        evaporator_celsius=10.0,
    ),
)


def _sensors(seed: int) -> tuple[SensorSpec, ...]:
    rng = _random(seed, "sensors")
    one_wire = [f"28-{rng.randrange(1, 1 << 40):012x}" for _ in range(2)]
    return (
        SensorSpec("fridge-1", sensor_id=one_wire[0]),
        SensorSpec("fridge-2", sensor_id=one_wire[1]),
        SensorSpec("fridge-3", unit_id=1, register=0),
        SensorSpec("room-1", unit_id=2, register=0),
    )
