"""From the simulated world to the configuration of the real parts: which node drives what, and what stands where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SITE: Final = "demo"
DESK: Final = "desk-1"
PHARMACY: Final = "pharmacy-1"
STORE: Final = "store-1"

READING_INTERVAL_S: Final = 1.0
"""A demo shows something at once; a hospital samples each fridge every 10 to 60 s."""


CLINICS: Final = (
    ("general", "NK", "Nhi tổng quát", "General paediatrics"),
    ("respiratory", "HH", "Hô hấp", "Respiratory"),
    ("cardiology", "TM", "Tim mạch", "Cardiology"),
)
ROOMS: Final = (
    ("room-11", "general", "Phòng 11", "Room 11"),
    ("room-12", "general", "Phòng 12", "Room 12"),
    ("room-21", "respiratory", "Phòng 21", "Room 21"),
    ("room-31", "cardiology", "Phòng 31", "Room 31"),
)
_CLINIC: Final = ("clinic_id", "code", "name_vi", "name_en")
_ROOM: Final = ("room_id", "clinic_id", "door_vi", "door_en")


@dataclass(frozen=True)
class SitePlan:
    """What the demo writes to files before it starts the real parts."""

    site_file: Mapping[str, Any]
    """Places, devices, products, patients and cards, as `medtap gateway import-site` takes them."""
    edge_nodes: Mapping[str, Sequence[Mapping[str, object]]]
    """The `[[device]]` tables of each edge node."""


def plan_site(world: Mapping[str, Any], *, alarm_after_s: int) -> SitePlan:
    """Plan a site for the simulated hospital that `world` (its world.json) describes.

    Args:
        world: as firmware_sim writes it.
        alarm_after_s: seconds outside its limits after which a fridge raises an alarm.
    """
    thermometers = [_thermometer(sensor, world) for sensor in world["sensors"]]
    contacts = _contacts(world)
    edge_nodes = {
        DESK: _desk_devices(world),
        PHARMACY: _pharmacy_devices(world),
        STORE: [one[0] for one in [*thermometers, *contacts]],
    }
    site_file = {
        "places": _places(world, alarm_after_s),
        "devices": [
            _placed(DESK, "card-reader", "desk-a"),
            _placed(PHARMACY, "scanner-receiving", "main-store", "receive"),
            _placed(PHARMACY, "scanner-issue", "main-store", "issue"),
            _placed(PHARMACY, "nfc-pharmacy", "main-store", "lookup"),
            _placed(PHARMACY, "rfid-shelf", "shelf-a"),
            *[_placed(STORE, str(device["device_id"]), place_id) for device, place_id in [*thermometers, *contacts]],
        ],
        "products": world["products"],
        "patients": [
            {key: value for key, value in patient.items() if key not in ("card_id", "card_state")}
            for patient in world["patients"]
        ],
        "cards": [
            {"card_id": patient["card_id"], "patient_id": patient["patient_id"], "state": patient["card_state"]}
            for patient in world["patients"]
            if patient.get("card_id")
        ],
        "clinics": [dict(zip(_CLINIC, clinic, strict=True)) for clinic in CLINICS],
        "rooms": [dict(zip(_ROOM, room, strict=True)) for room in ROOMS],
    }
    return SitePlan(site_file, edge_nodes)


def edge_config(
    plan: SitePlan, edge_node: str, *, state_dir: Path, broker: tuple[str, int], trust_anchor_files: Sequence[str]
) -> dict[str, Any]:
    """The tables of one edge node's TOML file."""
    return {
        "node": {"site": SITE, "edge_node": edge_node, "state_dir": str(state_dir)},
        "broker": {"host": broker[0], "port": broker[1]},
        "outbox": {"telemetry_group_age_s": 0.5},
        "cards": {"trust_anchor_files": list(trust_anchor_files)},
        "device": list(plan.edge_nodes[edge_node]),
    }


def _desk_devices(world: Mapping[str, Any]) -> list[dict[str, object]]:
    return [{"device_id": "card-reader", "driver": "nfc_pn532", "path": world["paths"]["pn532_desk"]}]


def _pharmacy_devices(world: Mapping[str, Any]) -> list[dict[str, object]]:
    paths = world["paths"]
    return [
        {"device_id": "scanner-receiving", "driver": "serial_scanner", "path": paths["scanner_receiving"]},
        {"device_id": "scanner-issue", "driver": "serial_scanner", "path": paths["scanner_issue"]},
        {"device_id": "nfc-pharmacy", "driver": "nfc_pn532", "path": paths["pn532_pharmacy"]},
        {
            "device_id": "rfid-shelf",
            "driver": "llrp",
            "host": "127.0.0.1",
            "port": world["ports"]["llrp"],
            "absent_after_s": 3.0,
        },
    ]


def _thermometer(sensor: Mapping[str, Any], world: Mapping[str, Any]) -> tuple[dict[str, object], str]:
    """The device table of one thermometer, and the place it stands in."""
    place_id = str(sensor["fridge"])
    if "sensor_id" in sensor:
        device: dict[str, object] = {
            "device_id": f"{place_id}-probe",
            "driver": "ds18b20",
            "base_dir": world["paths"]["w1_base_dir"],
            "sensor_id": sensor["sensor_id"],
        }
    else:
        device = {
            "device_id": f"{place_id}-transmitter",
            "driver": "modbus_temperature",
            "transport": "tcp",
            "host": "127.0.0.1",
            "port": world["ports"]["modbus"],
            "unit_id": sensor["unit_id"],
            "register": sensor["register"],
            "scale": sensor.get("scale", 0.1),
        }
    return {**device, "interval_s": READING_INTERVAL_S}, place_id


def _contacts(world: Mapping[str, Any]) -> list[tuple[dict[str, object], str]]:
    """The device tables of the first fridge's door, mains and battery, and the place they belong to."""
    found = next((each for each in world.get("contacts", ()) if str(each["fridge"]).startswith("fridge")), None)
    if found is None:
        return []
    place_id = str(found["fridge"])
    unit = {
        "transport": "tcp",
        "host": "127.0.0.1",
        "port": world["ports"]["modbus"],
        "unit_id": found["unit_id"],
    }
    contact = {**unit, "driver": "modbus_contact", "interval_s": READING_INTERVAL_S, "settle_s": 1.0}
    return [
        (
            {
                **contact,
                "device_id": f"{place_id}-door",
                "contact": "door",
                "input": found["door_input"],
                "one_means": "open",
            },
            place_id,
        ),
        (
            {
                **contact,
                "device_id": f"{place_id}-mains",
                "contact": "mains_power",
                "input": found["mains_input"],
                "one_means": "on",
            },
            place_id,
        ),
        (
            {
                **unit,
                "driver": "modbus_battery",
                "device_id": f"{place_id}-battery",
                "register": found["battery_register"],
                "interval_s": 60.0,
            },
            place_id,
        ),
    ]


def _places(world: Mapping[str, Any], alarm_after_s: int) -> list[dict[str, object]]:
    hospital = ("hospital", None, "site", "Bệnh viện Nhi đồng (mô phỏng)", "Children's hospital (simulated)")
    fixed = [
        hospital,
        ("main-store", "hospital", "store", "Kho dược chính", "Main pharmacy store"),
        ("shelf-a", "main-store", "shelf", "Kệ RFID A", "RFID shelf A"),
        ("desk-a", "hospital", "desk", "Quầy đăng ký A", "Registration desk A"),
    ]
    keys = ("place_id", "parent_place_id", "kind", "name_vi", "name_en")
    places: list[dict[str, object]] = [dict(zip(keys, one, strict=True)) for one in fixed]
    places += [
        {
            "place_id": fridge["fridge_id"],
            "parent_place_id": "main-store",
            "kind": "fridge" if str(fridge["fridge_id"]).startswith("fridge") else "store",
            "name_vi": fridge["name_vi"],
            "name_en": fridge["name_en"],
            "temperature_low_celsius": fridge["low_celsius"],
            "temperature_high_celsius": fridge["high_celsius"],
            "alarm_after_s": alarm_after_s,
        }
        for fridge in world["fridges"]
    ]
    return places


def _placed(edge_node: str, device_id: str, place_id: str, scan_action: str = "lookup") -> dict[str, object]:
    return {
        "site": SITE,
        "edge_node": edge_node,
        "device_id": device_id,
        "place_id": place_id,
        "scan_action": scan_action,
    }
