"""A site file: places, devices, products, patients and cards, taken over from one JSON or TOML file.

Checked whole before anything is written; taken over in one transaction; taken over twice it changes nothing. What the
file doesn't mention stays as it is.
"""

import json
import tomllib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import psycopg
import pydantic
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from edge.contracts.base import Name
from gateway.alarms.rule_watch import forget_place
from gateway.cold_chain.site_rules import RuleItem, import_site_rules
from gateway.db.pool import Connection
from gateway.errors import SiteFileError
from gateway.people.people import People
from gateway.people.person import NewPatient, Reader
from gateway.services.hospital import Hospital, write_hospital
from gateway.services.site_products import ProductItem, StorageClass, import_product
from gateway.stock.books import place_account
from gateway.stock.errors import WorkRefusedError
from gateway.taps.card_states import CardState, set_card_state
from gateway.visits.clinics import ClinicItem, RoomItem, import_clinics
from inventory.element_string import GS
from inventory.separator_guess import SUBSTITUTE_CHARACTERS_MAX, may_be_separator

Text = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"\A[^\x00-\x1f]+\z")]
PlaceId = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\z")]


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PlaceItem(_Item):
    """A place; watched if it has a temperature limit."""

    place_id: PlaceId
    parent_place_id: PlaceId | None = None
    kind: Literal["site", "store", "fridge", "shelf", "ward", "desk"]
    name_vi: Text
    name_en: Text
    temperature_low_celsius: float | None = None
    temperature_high_celsius: float | None = None
    alarm_after_s: Annotated[int, Field(ge=0, le=86400)] = 600
    storage_class: StorageClass | None = None
    """What it is fit to store; None: what the database has."""

    @model_validator(mode="after")
    def _limits_in_order(self) -> "PlaceItem":
        low, high = self.temperature_low_celsius, self.temperature_high_celsius
        if low is not None and high is not None and low >= high:
            raise ValueError(f"temperature_low_celsius {low} must be below temperature_high_celsius {high}")
        return self


class DeviceItem(_Item):
    """Where a device stands and what a scan there means."""

    site: Name
    edge_node: Name
    device_id: Name
    place_id: PlaceId | None = None
    scan_action: Literal["receive", "issue", "lookup"] = "lookup"
    separator: str = GS
    """What the scanner sends in place of GS, if it can't send GS."""
    expects_lot: Literal["by_product", "always", "never"] = "by_product"
    """Whether a GTIN without a lot waits for the pack's other code."""
    join_within_s: Annotated[int, Field(ge=0, le=120)] = 20
    """How far apart two codes of one pack may be scanned; 0: they are never joined."""

    @field_validator("separator")
    @classmethod
    def _is_no_data(cls, separator: str) -> str:
        if not may_be_separator(separator):
            raise ValueError(
                f"expected what the scanner sends in place of GS: 1 to {SUBSTITUTE_CHARACTERS_MAX} characters, one of"
                " them such as | ^ ~ # that never stands in a GS1 value, or FNC1 spelt out, such as <GS>"
            )
        return separator


class PatientItem(_Item):
    """A patient."""

    patient_id: uuid.UUID
    patient_number: Text
    full_name: Text
    birth_date: date
    sex: Literal["male", "female", "other", "unknown"]
    insurance_number: Text | None = None
    allergy_flag: bool = False


class CardItem(_Item):
    """A health card and whose it is."""

    card_id: Annotated[str, StringConstraints(pattern=r"\A([0-9a-f]{32}|[0-9a-f]{14})\z")]
    """PIV: the GUID; NTAG 424 DNA: the UID of the chip."""
    patient_id: uuid.UUID
    state: CardState = "active"
    """Of a card that is new here; what becomes of it later is said at the desk."""


class SiteFile(_Item):
    """The whole file; valid in itself if it exists."""

    places: tuple[PlaceItem, ...] = ()
    devices: tuple[DeviceItem, ...] = ()
    products: tuple[ProductItem, ...] = ()
    patients: tuple[PatientItem, ...] = ()
    cards: tuple[CardItem, ...] = ()
    clinics: tuple[ClinicItem, ...] = ()
    rooms: tuple[RoomItem, ...] = ()
    """Doors that clinics call patients to."""
    cold_rules: tuple[RuleItem, ...] = ()
    """By which storage classes and places are judged, where it is not what is shipped."""
    hospital: Hospital | None = None
    """As its papers name it."""


def load_site_file(path: Path) -> SiteFile:
    """Read and check a file; JSON unless its name ends in `.toml`.

    Raises:
        SiteFileError: unreadable, not JSON or TOML, or an item with a wrong key or value; names the first.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        table: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise SiteFileError(f"site file {str(path)!r} can't be read: {error}") from None
    return parse_site(table)


def parse_site(table: object) -> SiteFile:
    """Check a site given as plain data.

    Raises:
        SiteFileError: an item with a wrong key or value, or given twice; names it.
    """
    try:
        site = SiteFile.model_validate_json(json.dumps(table, default=str))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "site file"
        raise SiteFileError(f"site file: {where}: got {first['input']!r:.120}: {first['msg']}") from None
    _refuse_doubles(site)
    return site


def _refuse_doubles(site: SiteFile) -> None:
    keys: tuple[tuple[str, Sequence[object]], ...] = (
        ("places", [item.place_id for item in site.places]),
        ("cold_rules", [(item.storage_class, item.place_id, item.name) for item in site.cold_rules]),
        ("devices", [(item.site, item.edge_node, item.device_id) for item in site.devices]),
        ("products", [item.product_id for item in site.products]),
        ("products (gtin)", [item.gtin for product in site.products for item in product.all_trade_items]),
        ("patients", [str(item.patient_id) for item in site.patients]),
        ("patients (patient_number)", [item.patient_number for item in site.patients]),
        ("cards", [item.card_id for item in site.cards]),
        ("clinics", [item.clinic_id for item in site.clinics]),
        ("clinics (code)", [item.code for item in site.clinics]),
        ("rooms", [item.room_id for item in site.rooms]),
    )
    for table, names in keys:
        seen: set[object] = set()
        for index, name in enumerate(names):
            if name in seen:
                raise SiteFileError(f"site file: {table}.{index}: {name!r} stands there twice: leave one")
            seen.add(name)


def import_site(connection: Connection, site: SiteFile, people: People | None = None) -> dict[str, int]:
    """Take the file over, in the caller's transaction; how many items of each table it has.

    Args:
        connection: in a transaction.
        site: the file.
        people: to seal patients with; a file without patients needs none.

    Raises:
        SiteFileError: an item refers to something that is neither in the file nor in the database, or contradicts it.
    """
    with connection.transaction():
        _check_references(connection, site)
        _import_places(connection, site.places)
        for device in site.devices:
            _import_device(connection, device)
        for product in site.products:
            with _contradictions_named("products", product.product_id), connection.transaction():
                import_product(connection, product)
        _import_patients(connection, site.patients, people)
        for card in site.cards:
            _run(connection, "cards", card.card_id, _CARD, card.model_dump())
            if card.state != "active":  # a card that was reported lost here is not found by a file that says nothing
                with _contradictions_named("cards", card.card_id):
                    set_card_state(connection, card.card_id, card.state, "site file", "")
        with _contradictions_named("clinics", "rooms"):
            import_clinics(connection, site.clinics, site.rooms)
        if site.cold_rules:
            import_site_rules(connection, site.cold_rules, datetime.now(UTC))
        if site.hospital is not None:
            write_hospital(connection, site.hospital)
    return {name: len(items) for name, items in site if isinstance(items, tuple)}


_PLACE = """\
INSERT INTO place (place_id, parent_place_id, kind, name_vi, name_en, temperature_low_celsius,
    temperature_high_celsius, alarm_after_s, storage_class)
VALUES (%(place_id)s, %(parent_place_id)s, %(kind)s, %(name_vi)s, %(name_en)s, %(temperature_low_celsius)s,
    %(temperature_high_celsius)s, %(alarm_after_s)s, %(storage_class)s)
ON CONFLICT (place_id) DO UPDATE SET parent_place_id = excluded.parent_place_id, kind = excluded.kind,
    name_vi = excluded.name_vi, name_en = excluded.name_en,
    temperature_low_celsius = excluded.temperature_low_celsius,
    temperature_high_celsius = excluded.temperature_high_celsius, alarm_after_s = excluded.alarm_after_s,
    storage_class = coalesce(excluded.storage_class, place.storage_class)"""

_DEVICE = """\
INSERT INTO device (site, edge_node, device_id, place_id, scan_action, separator, expects_lot, join_within_s)
VALUES (%(site)s, %(edge_node)s, %(device_id)s, %(place_id)s, %(scan_action)s, %(separator)s, %(expects_lot)s,
    %(join_within_s)s)
ON CONFLICT (site, edge_node, device_id)
DO UPDATE SET place_id = excluded.place_id, scan_action = excluded.scan_action, separator = excluded.separator,
    expects_lot = excluded.expects_lot, join_within_s = excluded.join_within_s"""

_CARD = """\
INSERT INTO card (card_id, patient_id, state, profile) VALUES (%(card_id)s, %(patient_id)s, %(state)s,
 CASE length(%(card_id)s) WHEN 32 THEN 'piv' ELSE 'ntag424' END)
ON CONFLICT (card_id) DO NOTHING"""


def _run(connection: Connection, table: str, name: str, statement: str, values: dict[str, Any]) -> None:
    with _contradictions_named(table, name), connection.transaction():
        connection.execute(statement.encode(), values)


def _import_patients(connection: Connection, patients: Sequence[PatientItem], people: People | None) -> None:
    if not patients:
        return
    if people is None:
        raise SiteFileError("site file: patients: the keys of people's data are needed to take them over")
    new = []
    for patient in patients:
        try:
            new.append(NewPatient(**patient.model_dump(), identity_confidence="documented"))
        except WorkRefusedError as error:
            raise SiteFileError(f"site file: patients: {str(patient.patient_id)!r}: {error.message}") from None
    try:
        with connection.transaction():
            people.take_over(connection, new, Reader("system", "site_file"))
    except psycopg.errors.UniqueViolation:
        owners = {
            one.patient_id: people.find_exact(connection, "patient_number", one.patient_number) for one in patients
        }
        whose = [str(one) for one, owner in owners.items() if owner not in {None, one}] or ["one of them"]
        raise SiteFileError(
            f"site file: patients: {whose[0]!r} contradicts what is in the database: its number is another patient's"
        ) from None


@contextmanager
def _contradictions_named(table: str, name: str) -> Iterator[None]:
    try:
        yield
    except WorkRefusedError as error:
        raise SiteFileError(f"site file: {table}: {error.message}") from None
    except psycopg.IntegrityError as error:
        detail = error.diag.message_detail or error.diag.message_primary or str(error)
        raise SiteFileError(f"site file: {table}: {name!r} contradicts what is in the database: {detail}") from None


def _import_places(connection: Connection, places: Sequence[PlaceItem]) -> None:
    """Parents first, whatever their order in the file."""
    for place in _parents_first(places):
        _run(connection, "places", place.place_id, _PLACE, place.model_dump())
        place_account(connection, place.place_id)


def _parents_first(places: Sequence[PlaceItem]) -> Iterator[PlaceItem]:
    waiting = {place.place_id: place for place in places}
    while waiting:
        ready = [place for place in waiting.values() if place.parent_place_id not in waiting]
        if not ready:
            raise SiteFileError(f"site file: places: {sorted(waiting)} are each other's parents: break the circle")
        for place in ready:
            del waiting[place.place_id]
        yield from ready


def _import_device(connection: Connection, device: DeviceItem) -> None:
    identity = (device.site, device.edge_node, device.device_id)
    moved = connection.execute(
        "SELECT device_key FROM device WHERE site = %s AND edge_node = %s AND device_id = %s"
        " AND place_id IS DISTINCT FROM %s",
        (*identity, device.place_id),
    ).fetchone()
    _run(connection, "devices", "/".join(identity), _DEVICE, device.model_dump())
    if moved is not None:
        forget_place(connection, moved[0])


def _check_references(connection: Connection, site: SiteFile) -> None:
    places = {item.place_id for item in site.places} | _ids(connection, "SELECT place_id FROM place")
    patients = {str(item.patient_id) for item in site.patients} | _ids(
        connection, "SELECT patient_id::text FROM patient"
    )
    wanted: list[tuple[str, str, str | None, set[str]]] = []
    for index, place in enumerate(site.places):
        wanted.append((f"places.{index}.parent_place_id", "place", place.parent_place_id, places))
    for index, device in enumerate(site.devices):
        wanted.append((f"devices.{index}.place_id", "place", device.place_id, places))
    for index, card in enumerate(site.cards):
        wanted.append((f"cards.{index}.patient_id", "patient", str(card.patient_id), patients))
    for index, rule in enumerate(site.cold_rules):
        wanted.append((f"cold_rules.{index}.place_id", "place", rule.place_id, places))
    for where, what, name, known in wanted:
        if name is not None and name not in known:
            raise SiteFileError(f"site file: {where}: no {what} {name!r}, neither in the file nor in the database")


def _ids(connection: Connection, query: str) -> set[str]:
    return {str(row[0]) for row in connection.execute(query.encode())}
