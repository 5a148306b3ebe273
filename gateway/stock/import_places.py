"""Places and levels of a catalogue file, into the database."""

from collections.abc import Iterator, Mapping, Sequence

from gateway.db.pool import Connection
from gateway.stock.books import place_account
from gateway.stock.import_report import Change, Plan, changes_of, text
from inventory.catalogue_stock_rows import LEVELS, LevelItem, PlaceItem

_PLACE_FIELDS = ("parent_place_id", "kind", "name_vi", "name_en", "storage_class")


def plan_places(connection: Connection, items: Sequence[PlaceItem]) -> Plan:
    """Compare with the database."""
    plan = Plan("places")
    known = {
        row[0]: dict(zip(_PLACE_FIELDS, row[1:], strict=True))
        for row in connection.execute(
            "SELECT place_id, parent_place_id, kind, name_vi, name_en, storage_class FROM place"
        )
    }
    merged = {item.place_id: _merged(item, known.get(item.place_id)) for item in items}
    parents = {place_id: str(values["parent_place_id"] or "") for place_id, values in {**known, **merged}.items()}
    wanted = []
    for item in items:
        _check_parent(plan, item, parents)
        before = known.get(item.place_id)
        after = merged[item.place_id]
        changes = [] if before is None else changes_of((key, before[key], after[key] or "") for key in _PLACE_FIELDS)
        changes = [change for change in changes if change.old != change.new]
        if plan.note(item.row, item.place_id, new=before is None, changes=changes):
            wanted.append(item.place_id)
    plan.write = lambda: _write_places(connection, {place_id: merged[place_id] for place_id in wanted}, known)
    return plan


def _merged(item: PlaceItem, before: Mapping[str, object] | None) -> dict[str, object]:
    """What the file says over what is known; an empty text is none."""
    values: dict[str, object] = {}
    for key in _PLACE_FIELDS:
        said = getattr(item, key)
        known = before[key] if before is not None else "" if key == "name_en" else None
        values[key] = known if said is None else said or ("" if key == "name_en" else None)
    return values


def _check_parent(plan: Plan, item: PlaceItem, parents: Mapping[str, str]) -> None:
    parent = parents[item.place_id]
    if parent and parent not in parents:
        plan.problem(item.row, "parent_place_id", "unknown_place", parent)
        return
    way = [item.place_id]
    while parent:
        way.append(parent)
        if parent == item.place_id:
            plan.problem(item.row, "parent_place_id", "parent_circle", way[1], circle=" → ".join(way))
            return
        if parent in way[:-1]:
            return  # a circle above it: told at its own rows
        parent = parents.get(parent, "")


def _write_places(
    connection: Connection, wanted: Mapping[str, Mapping[str, object]], known: Mapping[str, object]
) -> None:
    """First every place, then the tree: the file may have a shelf before its store."""
    rows = [(place_id, values["kind"], values["name_vi"], values["name_en"]) for place_id, values in wanted.items()]
    tree = [(place_id, values["parent_place_id"], values["storage_class"]) for place_id, values in wanted.items()]
    connection.execute(
        "INSERT INTO place (place_id, kind, name_vi, name_en)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) ON CONFLICT (place_id) DO UPDATE"
        " SET kind = excluded.kind, name_vi = excluded.name_vi, name_en = excluded.name_en",
        [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []],
    )
    connection.execute(
        "UPDATE place p SET parent_place_id = k.parent, storage_class = k.storage"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (place_id, parent, storage)"
        " WHERE p.place_id = k.place_id",
        [list(column) for column in zip(*tree, strict=True)] or [[], [], []],
    )
    for place_id in wanted:
        if place_id not in known:
            place_account(connection, place_id)


def plan_levels(connection: Connection, items: Sequence[LevelItem]) -> Plan:
    """Compare with the database."""
    plan = Plan("levels")
    places = _ids(connection, "SELECT place_id FROM place WHERE place_id = ANY(%s)", [i.place_id for i in items])
    products = _ids(
        connection, "SELECT product_id FROM product WHERE product_id = ANY(%s)", [i.product_id for i in items]
    )
    known = {
        (row[0], row[1]): dict(zip(LEVELS, row[2:], strict=True))
        for row in connection.execute(
            "SELECT place_id, product_id, reorder_point, min_units, max_units FROM stock_level_rule"
        )
    }
    wanted: list[tuple[object, ...]] = []
    for item in items:
        if item.place_id not in places:
            plan.problem(item.row, "place_id", "unknown_place", item.place_id)
        if item.product_id not in products:
            plan.problem(item.row, "product_id", "unknown_product", item.product_id)
        before = known.get((item.place_id, item.product_id))
        after = _after(item, before or dict.fromkeys(LEVELS))
        low, high = after["min_units"], after["max_units"]
        if low is not None and high is not None and high < low:
            plan.problem(item.row, "max_units", "max_below_min", high, other=low)
        changes = list(_level_changes(before, after))
        if plan.note(item.row, f"{item.place_id} / {item.product_id}", new=before is None, changes=changes):
            wanted.append((item.place_id, item.product_id, *(after[key] for key in LEVELS)))
    plan.write = lambda: _write_levels(connection, wanted)
    return plan


def _after(item: LevelItem, before: Mapping[str, int | None]) -> dict[str, int | None]:
    said = {key: getattr(item, key) for key in LEVELS}
    return {key: None if key in item.cleared else before[key] if said[key] is None else said[key] for key in LEVELS}


def _level_changes(before: Mapping[str, int | None] | None, after: Mapping[str, int | None]) -> Iterator[Change]:
    for key in LEVELS:
        if before is not None and before[key] != after[key]:
            yield Change(key, text(before[key]), text(after[key]))


def _write_levels(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    connection.execute(
        "INSERT INTO stock_level_rule (place_id, product_id, reorder_point, min_units, max_units)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::integer[], %s::integer[], %s::integer[])"
        " ON CONFLICT (place_id, product_id) DO UPDATE SET reorder_point = excluded.reorder_point,"
        " min_units = excluded.min_units, max_units = excluded.max_units",
        [list(column) for column in zip(*rows, strict=True)] or [[], [], [], [], []],
    )


def _ids(connection: Connection, query: str, wanted: Sequence[str]) -> set[str]:
    return {str(row[0]) for row in connection.execute(query.encode(), (sorted(set(wanted)),))}
