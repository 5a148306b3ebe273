"""What a page tells of: an incident as it is at the moment of sending, and what stands in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.alarms.incident_facts import IncidentFacts, incident_facts
from gateway.db.pool import Connection


@dataclass(frozen=True)
class StockThere:
    """Goods in the place and in places in it that have no limits of their own."""

    products: int = 0
    lots: int = 0
    value_vnd: int = 0
    """Of what has a price."""


@dataclass(frozen=True)
class PageFacts:
    """Everything that a page can say."""

    incident: IncidentFacts
    stock: StockThere
    acknowledged_by_name: str


_STOCK = (
    "WITH RECURSIVE inside AS (SELECT place_id FROM place WHERE place_id = %s UNION"
    " SELECT p.place_id FROM place p JOIN inside ON p.parent_place_id = inside.place_id"
    " WHERE p.temperature_low_celsius IS NULL AND p.temperature_high_celsius IS NULL)"
    " SELECT count(DISTINCT b.product_id), count(*), coalesce(sum(b.quantity * coalesce(l.unit_cost_vnd,"
    " p.unit_cost_vnd, 0)), 0)::bigint FROM inside JOIN stock_account a USING (place_id)"
    " JOIN stock_balance b USING (account_id) LEFT JOIN lot l USING (product_id, lot)"
    " LEFT JOIN product p ON p.product_id = b.product_id WHERE b.quantity > 0"
)


def page_facts(connection: Connection, incident_id: UUID) -> PageFacts | None:
    """Of one incident; None if there is no such incident."""
    incident = incident_facts(connection, incident_id)
    if incident is None or not incident.alarms:
        return None
    stock = StockThere()
    if incident.place_id is not None and not incident.is_drill:
        row = connection.execute(_STOCK, (incident.place_id,)).fetchone()
        stock = StockThere(*row) if row is not None else stock
    name = ""
    if incident.acknowledged_by is not None:
        row = connection.execute(
            "SELECT display_name FROM login_account WHERE username = %s", (incident.acknowledged_by,)
        ).fetchone()
        name = str(row[0]) if row is not None else incident.acknowledged_by
    return PageFacts(incident, stock, name)


def several(connection: Connection, incident_ids: Sequence[UUID]) -> list[PageFacts]:
    """Those that there are, the critical ones first, then in the order of their beginning."""
    found = [facts for each in incident_ids if (facts := page_facts(connection, each)) is not None]
    return sorted(found, key=lambda one: (one.incident.severity != "critical", one.incident.started_at))
