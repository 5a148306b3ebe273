"""Site files: checked whole, taken over once or twice with the same result. Real PostgreSQL."""

import copy
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import SiteFileError
from gateway.people.records import read_rows
from gateway.services.site_file import import_site, load_site_file, parse_site
from tests.gateway.ingest_kit import SITE, Database
from tests.gateway.people_kit import KEYS, people_of

PATIENT_ID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
FULL: dict[str, Any] = {
    **SITE,
    "patients": [
        {
            "patient_id": PATIENT_ID,
            "patient_number": "BN0001",
            "full_name": "Nguyễn Thị Ánh",
            "birth_date": "2019-05-01",
            "sex": "female",
            "insurance_number": "TE1790123456789",
            "allergy_flag": True,
        }
    ],
    "cards": [{"card_id": "ab" * 16, "patient_id": PATIENT_ID}],
}


def _take(database: Database, site: dict[str, Any]) -> dict[str, int]:
    with database.pool.connection() as connection:
        return import_site(connection, parse_site(site), people_of())


def _all_rows(database: Database) -> list[Any]:
    queries = ("SELECT * FROM place", "SELECT * FROM product", "SELECT * FROM patient", "SELECT * FROM card")
    devices = "SELECT device_key, site, edge_node, device_id, place_id, scan_action FROM device"
    return [sorted(database.rows(query), key=repr) for query in (*queries, devices, "SELECT * FROM stock_account")]


@pytest.mark.integration
def test_a_site_taken_over_twice_is_the_same_site(database: Database) -> None:
    counts = _take(database, FULL)
    assert counts == {
        "places": 5,
        "devices": 8,
        "products": 1,
        "patients": 1,
        "cards": 1,
        "clinics": 0,
        "rooms": 0,
        "cold_rules": 0,
    }
    before = _all_rows(database)
    _take(database, FULL)
    assert _all_rows(database) == before
    with database.pool.connection() as connection:
        (patient,) = read_rows(connection, KEYS, [uuid.UUID(PATIENT_ID)]).values()
    assert (patient.full_name, patient.patient_number, patient.allergy_flag) == ("Nguyễn Thị Ánh", "BN0001", True)


@pytest.mark.integration
def test_parents_may_stand_behind_their_children(database: Database) -> None:
    site = copy.deepcopy(FULL)
    site["places"].reverse()
    assert _take(database, site)["places"] == 5


@pytest.mark.integration
def test_a_changed_card_state_is_taken_over_and_what_the_file_does_not_mention_stays(database: Database) -> None:
    _take(database, FULL)
    _take(database, {"cards": [{"card_id": "ab" * 16, "patient_id": PATIENT_ID, "state": "lost"}]})
    assert database.column("SELECT state FROM card") == ["lost"]
    _take(database, FULL)
    assert database.column("SELECT state FROM card") == ["lost"]
    assert database.value("SELECT count(*) FROM patient") == 1


TABLETS = "08935234500007"
CASE = "18935234500004"
LONG_FORM: dict[str, Any] = {
    "product_id": "AMOX250",
    "name_vi": "Amoxicillin 250 mg gói",
    "name_en": "Amoxicillin 250 mg sachet",
    "base_unit_vi": "gói",
    "base_unit_en": "sachet",
    "active_ingredient": "Amoxicillin",
    "storage_class": "cool",
    "registration_numbers": ["VD-1-20", "893110123424"],
    "trade_items": [
        {"gtin": CASE, "units": 600, "contains_gtin": TABLETS, "contains_count": 50},
        {"gtin": TABLETS, "units": 12},
    ],
}


@pytest.mark.integration
def test_a_product_has_the_hospitals_code_and_any_number_of_packs(database: Database) -> None:
    without_gtin = {key: LONG_FORM[key] for key in ("name_vi", "name_en", "base_unit_vi", "base_unit_en")}
    site = {"products": [LONG_FORM, {**without_gtin, "product_id": "THUOC-NAM-01"}]}
    for _ in range(2):
        _take(database, site)
        items = "SELECT gtin, units, contains_gtin, contains_count FROM trade_item WHERE product_id = 'AMOX250'"
        assert sorted(database.rows(items)) == [(TABLETS, 12, None, None), (CASE, 600, TABLETS, 50)]
        assert database.value("SELECT count(*) FROM product_registration WHERE product_id = 'AMOX250'") == 2
        assert database.value("SELECT storage_class FROM product WHERE product_id = 'AMOX250'") == "cool"


@pytest.mark.integration
def test_what_a_product_does_not_mention_stays_as_it_is(database: Database) -> None:
    _take(database, {"products": [LONG_FORM]})
    short = {key: LONG_FORM[key] for key in ("product_id", "name_vi", "name_en", "base_unit_vi", "base_unit_en")}
    _take(database, {"products": [short]})
    row = database.rows("SELECT active_ingredient, storage_class FROM product WHERE product_id = 'AMOX250'")
    assert row == [("Amoxicillin", "cool")]


@pytest.mark.integration
def test_a_gtin_of_another_product_is_refused(database: Database) -> None:
    _take(database, {"products": [LONG_FORM]})
    thief = {**LONG_FORM, "product_id": "OTHER"}
    with pytest.raises(SiteFileError, match="'OTHER': GTIN 18935234500004 is a trade item of product 'AMOX250'"):
        _take(database, {"products": [thief]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"product_id": ""}, r"products\.0: .*needs a product_id or a gtin"),
        ({"trade_items": [{"gtin": TABLETS, "units": 1}] * 2}, r"a gtin stands twice"),
        ({"gtin": TABLETS, "units_per_pack": 11}, r"a gtin stands twice"),
        (
            {"trade_items": [LONG_FORM["trade_items"][0], {"gtin": TABLETS, "units": 13}]},
            r"18935234500004 has 600 units, but contains 50 x 13",
        ),
        ({"trade_items": [{"gtin": TABLETS, "units": 1, "contains_gtin": CASE}]}, r"belong together"),
    ],
)
def test_packs_that_do_not_add_up_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SiteFileError, match=message):
        parse_site({"products": [{**LONG_FORM, **change}]})


def _spoilt(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    site = copy.deepcopy(FULL)
    inner: Any = site
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return site


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("places", 3, "temperature_low_celsius"), 9.0, r"places\.3: .*temperature_low_celsius 9\.0 must be below"),
        (("places", 0, "kind"), "cupboard", r"places\.0\.kind: got 'cupboard': Input should be 'site', 'store'"),
        (("places", 0, "name_vi"), "", r"places\.0\.name_vi: got '': "),
        (("devices", 1, "scan_action"), "steal", r"devices\.1\.scan_action: got 'steal': "),
        (("devices", 1, "colour"), "red", r"devices\.1\.colour: got 'red': Extra inputs are not permitted"),
        (("products", 0, "gtin"), "123", r"products\.0\.gtin: got '123': "),
        (("products", 0, "units_per_pack"), 0, r"products\.0\.units_per_pack: got 0: "),
        (("patients", 0, "birth_date"), "31/12/2019", r"patients\.0\.birth_date: got '31/12/2019': "),
        (("cards", 0, "card_id"), "AB", r"cards\.0\.card_id: got 'AB': "),
        (("nurses",), [], r"nurses: got \[\]: Extra inputs"),
    ],
)
def test_a_wrong_item_is_named_with_key_and_value(path: tuple[str | int, ...], value: object, message: str) -> None:
    with pytest.raises(SiteFileError, match=message):
        parse_site(_spoilt(path, value))


def test_an_item_given_twice_is_refused() -> None:
    site = copy.deepcopy(FULL)
    site["cards"].append(site["cards"][0])
    with pytest.raises(SiteFileError, match=r"cards\.1: 'abab.*' stands there twice"):
        parse_site(site)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("devices", 0, "place_id"), "nowhere", r"devices\.0\.place_id: no place 'nowhere', neither in the file nor"),
        (("places", 1, "parent_place_id"), "nowhere", r"places\.1\.parent_place_id: no place 'nowhere'"),
        (("cards", 0, "patient_id"), "00000000-0000-0000-0000-000000000009", r"cards\.0\.patient_id: no patient"),
        (("places", 0, "parent_place_id"), "store", r"are each other's parents: break the circle"),
    ],
)
def test_of_a_site_with_a_wrong_reference_nothing_is_written(
    database: Database, path: tuple[str | int, ...], value: object, message: str
) -> None:
    before = _all_rows(database)
    with pytest.raises(SiteFileError, match=message):
        _take(database, _spoilt(path, value))
    assert _all_rows(database) == before


@pytest.mark.integration
def test_a_patient_number_that_belongs_to_someone_else_is_refused_and_nothing_is_written(database: Database) -> None:
    _take(database, FULL)
    before = _all_rows(database)
    other = _spoilt(("patients", 0, "patient_id"), "00000000-0000-0000-0000-000000000009")
    other["cards"] = []
    with pytest.raises(SiteFileError, match=r"patients: '0000.*' contradicts what is in the database: its number"):
        _take(database, other)
    assert _all_rows(database) == before


def test_json_and_toml_are_read(tmp_path: Path) -> None:
    as_json = tmp_path / "site.json"
    as_json.write_text(json.dumps(FULL, ensure_ascii=False), encoding="utf-8")
    assert load_site_file(as_json).patients[0].full_name == "Nguyễn Thị Ánh"
    as_toml = tmp_path / "site.toml"
    as_toml.write_text(
        '[[patients]]\npatient_id = "7d444840-9dc0-11d1-b245-5ffdce74fad2"\npatient_number = "BN1"\n'
        'full_name = "Lê Ất"\nbirth_date = 2020-02-29\nsex = "male"\n',
        encoding="utf-8",
    )
    assert load_site_file(as_toml).patients[0].birth_date.isoformat() == "2020-02-29"


@pytest.mark.parametrize("content", ["{", "", "[1]", '"text"'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "site.json"
    file.write_text(content)
    with pytest.raises(SiteFileError, match="site file"):
        load_site_file(file)
    with pytest.raises(SiteFileError, match="can't be read"):
        load_site_file(tmp_path / "absent.json")
