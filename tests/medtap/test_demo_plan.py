"""From the simulated world to the files of the real parts."""

import tomllib
from pathlib import Path
from typing import Any

from medtap.demo.site_plan import DESK, PHARMACY, STORE, edge_config, plan_site
from medtap.demo.toml_text import toml_text

WORLD: dict[str, Any] = {
    "ports": {"llrp": 5084, "modbus": 1502},
    "paths": {
        "pn532_desk": "/w/pn532-desk-1",
        "pn532_pharmacy": "/w/pn532-pharmacy",
        "scanner_receiving": "/w/r",
        "scanner_issue": "/w/i",
        "w1_base_dir": "/w/w1",
    },
    "sensors": [
        {"sensor_id": "28-000000000001", "fridge": "fridge-1"},
        {"unit_id": 7, "register": 3, "fridge": "fridge-2"},
    ],
    "fridges": [
        {"fridge_id": "fridge-1", "name_vi": "Tủ lạnh 1", "name_en": "Fridge 1", "low_celsius": 2, "high_celsius": 8},
        {"fridge_id": "fridge-2", "name_vi": "Tủ lạnh 2", "name_en": "Fridge 2", "low_celsius": 2, "high_celsius": 8},
    ],
    "products": [],
    "patients": [{"patient_id": "p", "full_name": "Nguyễn Văn An", "card_id": "00" * 16, "card_state": "active"}],
    "packs": [],
}


def test_every_device_of_a_node_has_a_place_at_the_gateway() -> None:
    plan = plan_site(WORLD, alarm_after_s=10)
    driven = {(node, device["device_id"]) for node, devices in plan.edge_nodes.items() for device in devices}
    placed = {(device["edge_node"], device["device_id"]) for device in plan.site_file["devices"]}
    assert driven == placed
    assert {node for node, _ in driven} == {DESK, PHARMACY, STORE}


def test_a_card_goes_to_its_own_list_and_the_patient_keeps_a_pseudonym() -> None:
    plan = plan_site(WORLD, alarm_after_s=10)
    assert plan.site_file["cards"] == [{"card_id": "00" * 16, "patient_id": "p", "state": "active"}]
    assert "card_id" not in plan.site_file["patients"][0]


def test_the_written_toml_says_what_was_planned() -> None:
    plan = plan_site(WORLD, alarm_after_s=10)
    tables = edge_config(
        plan, STORE, state_dir=Path("/s"), broker=("127.0.0.1", 1883), trust_anchor_files=["/s/ca.pem"]
    )
    assert tomllib.loads(toml_text(tables)) == tables


def test_keys_without_a_table_come_first_and_vietnamese_stays() -> None:
    tables: dict[str, dict[str, object]] = {"": {"name": "Kho dược"}, "mqtt": {"port": 1}}
    assert tomllib.loads(toml_text(tables)) == {"name": "Kho dược", "mqtt": {"port": 1}}
