"""world.json: what is where in the running simulated world, for those who configure real parts against it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from firmware_sim.hospital import SensorSpec
from firmware_sim.world import World

FILE_NAME = "world.json"


def write_world_file(world: World, directory: Path) -> Path:
    """Write it, atomically: who sees the file sees all of it, and everything in it answers already."""
    path = directory / FILE_NAME
    new = directory / f".{FILE_NAME}.new"
    new.write_text(json.dumps(describe(world, directory), ensure_ascii=False, indent=1), encoding="utf-8")
    new.replace(path)
    return path


def describe(world: World, directory: Path) -> dict[str, Any]:
    """The content of world.json."""
    hospital = world.hospital
    return {
        "seed": hospital.seed,
        "ports": {"llrp": world.stock_room.llrp.port, "modbus": world.cold_chain.modbus.port},
        "paths": {
            "pn532_desk": str(directory / "pn532-desk-1"),
            "pn532_station": str(directory / "pn532-station"),
            "pn532_pharmacy": str(directory / "pn532-pharmacy"),
            "scanner_receiving": str(directory / "scanner-receiving"),
            "scanner_issue": str(directory / "scanner-issue"),
            "w1_base_dir": str(directory / "w1"),
            "control": str(directory / "control.sock"),
        },
        "sensors": [_sensor(sensor) for sensor in hospital.sensors],
        "contacts": [
            {
                "fridge": each.fridge_id,
                "unit_id": each.unit_id,
                "door_input": each.door_input,
                "mains_input": each.mains_input,
                "battery_register": each.battery_register,
            }
            for each in hospital.contacts
        ],
        "card_ca_pem": world.desk.ca.certificate_pem.decode(),
        "patients": [
            {
                **asdict(patient),
                "patient_id": str(patient.patient_id),
                "birth_date": patient.birth_date.isoformat(),
                "card_id": card_id,
            }
            for patient, card_id in zip(hospital.patients, world.desk.card_ids, strict=True)
        ],
        "products": [asdict(product) for product in hospital.products],
        "packs": [
            {**asdict(pack), "expiry_date": pack.expiry_date.isoformat(), "epc": pack.epc.hex()}
            for pack in hospital.packs
        ],
        "fridges": [
            {
                "fridge_id": spec.fridge_id,
                "name_vi": spec.name_vi,
                "name_en": spec.name_en,
                "low_celsius": spec.low_celsius,
                "high_celsius": spec.high_celsius,
            }
            for spec in hospital.fridges
        ],
    }


def _sensor(sensor: SensorSpec) -> dict[str, object]:
    if sensor.sensor_id:
        return {"sensor_id": sensor.sensor_id, "fridge": sensor.fridge_id}
    return {"unit_id": sensor.unit_id, "register": sensor.register, "scale": 0.1, "fridge": sensor.fridge_id}
