"""Drugs under special control: where they stand, a blind count of them, and the register and book that are printed."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.reports.controlled_book import (
    BookLine,
    ControlledBook,
    ControlledKind,
    ControlledRegister,
    RegisterLine,
)
from gateway.services.reads_rows import Row, all_rows
from gateway.stock import stocktakes
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError
from gateway.stock.stocktakes import NewStocktake
from inventory.stocktake import Rules

_KINDS: Final = {
    "narcotic": ControlledKind.NARCOTIC,
    "psychotropic": ControlledKind.PSYCHOTROPIC,
    "precursor": ControlledKind.PRECURSOR,
    "toxic": ControlledKind.TOXIC,
}
_ACTS: Final = {
    "receive": "Nhập kho",
    "put_away": "Cất",
    "transfer_out": "Chuyển đi",
    "transfer_in": "Chuyển đến",
    "issue": "Xuất khoa",
    "dispense": "Cấp phát",
    "return_in": "Nhận trả",
    "return_out": "Trả nhà cung cấp",
    "adjust_in": "Điều chỉnh tăng",
    "adjust_out": "Điều chỉnh giảm",
    "waste": "Hủy",
    "repack_out": "Đóng gói lại, ra",
    "repack_in": "Đóng gói lại, vào",
    "count_in": "Kiểm kê thừa",
    "count_out": "Kiểm kê thiếu",
    "found": "Tìm thấy",
    "reverse": "Bút toán đảo",
}
"""On the register, which is a Vietnamese document."""
_OUTSIDE: Final = {
    "supplier": "Nhà cung cấp",
    "in_transit": "Đang chuyển",
    "dispensed": "Người bệnh",
    "wasted": "Hủy",
    "returned": "Trả nhà cung cấp",
    "unexplained": "Chưa rõ nguyên nhân",
    "repacked": "Đóng gói lại",
}


class ControlledStock(Row):
    """A drug under special control in one place. How much stands there is not said: it is counted blind."""

    product_id: str
    name_vi: str
    name_en: str
    strength: str
    control_class: str
    place_id: str
    place_name_vi: str
    place_name_en: str
    lots: int
    open_cases: int
    """Of the drug, wherever."""


@dataclass(frozen=True)
class Period:
    """Days of the hospital, both of them in it."""

    first_day: date
    last_day: date
    zone: ZoneInfo

    def __post_init__(self) -> None:
        """Refuse what is no period.

        Raises:
            WorkRefusedError: it ends before it begins, or is longer than a leap year.
        """
        if not timedelta(0) <= self.last_day - self.first_day <= timedelta(days=366):
            message = f"from {self.first_day} to {self.last_day}: expected at most a year, the first day first"
            raise WorkRefusedError("period", message, first=self.first_day, last=self.last_day)

    @property
    def begins_at(self) -> datetime:
        """The first moment of it."""
        return datetime.combine(self.first_day, datetime.min.time(), self.zone)

    @property
    def ends_at(self) -> datetime:
        """The first moment after it."""
        return datetime.combine(self.last_day + timedelta(days=1), datetime.min.time(), self.zone)


def stock(connection: Connection) -> list[ControlledStock]:
    """Where drugs under special control stand."""
    return all_rows(connection, ControlledStock, _STOCK, {})


def begin_blind_count(
    connection: Connection,
    stocktake_id: uuid.UUID,
    place_ids: tuple[str, ...],
    person: str,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> Literal["created", "exists"]:
    """A stocktake of all drugs under special control in these places: blind, no tolerance, another one recounts.

    It is counted, verified by somebody else and booked as any stocktake (`stocktakes`).

    Raises:
        WorkRefusedError: there are none in the catalogue.
        WorkRefusedError: no such place.
        WorkConflictError: the id is known with other content, or another stocktake counts the same.
    """
    rows = connection.execute("SELECT product_id FROM product WHERE control_class <> 'none' ORDER BY 1").fetchall()
    if not rows:
        raise WorkRefusedError("no_controlled", "no product of the catalogue is under special control")
    new = NewStocktake(
        stocktake_id=stocktake_id,
        place_ids=place_ids,
        started_by=person,
        product_ids=tuple(str(row[0]) for row in rows),
        rules=Rules(),
    )
    return stocktakes.start(connection, new, now, zone)


def register(connection: Connection, place_id: str, period: Period) -> ControlledRegister:
    """Every act on these drugs at a place in a period, with both people and the blind count after it.

    Raises:
        WorkNotFoundError: there is no such place.
    """
    place = _place(connection, place_id)
    account_id = f"place:{place_id}"
    names = _names(connection)
    balances = _opening(connection, account_id, period.begins_at, None)
    lines = []
    for row in _moves(connection, account_id, period, None):
        after = balances.get(row["product_id"], 0) + row["change"]
        balances[row["product_id"]] = after
        counted = (row["counted"] or {}).get(row["product_id"])
        lines.append(
            RegisterLine(
                at=row["occurred_at"].astimezone(period.zone),
                product_name=row["product_name"],
                lot=row["lot"],
                act=_ACTS.get(row["kind"], row["kind"]),
                quantity=abs(row["change"]),
                unit=row["unit"],
                counted_after=None if counted is None else int(counted),
                expected_after=after,
                person=names.get(row["person"], row["person"] or ""),
                second_person=names.get(row["second_person"], row["second_person"] or ""),
                document_number=row["number"] or "",
            )
        )
    return ControlledRegister(place, period.first_day, period.last_day, tuple(lines))


def book(connection: Connection, product_id: str, place_id: str, period: Period) -> ControlledBook:
    """The book of one drug at a place over a period.

    Raises:
        WorkNotFoundError: there is no such place or product.
        WorkRefusedError: the product is not under special control.
    """
    place = _place(connection, place_id)
    product = connection.execute(
        "SELECT concat_ws(', ', concat_ws(' ', name_vi, nullif(strength, '')), nullif(dosage_form, '')), base_unit_vi,"
        " control_class FROM product WHERE product_id = %s",
        (product_id,),
    ).fetchone()
    if product is None:
        raise WorkNotFoundError(
            "product_unknown", f"product {product_id!r} is not in the catalogue", product=product_id
        )
    if product[2] not in _KINDS:
        message = f"product {product_id!r} is not under special control: print its store card"
        raise WorkRefusedError("not_controlled", message, product=product_id)
    account_id = f"place:{place_id}"
    return ControlledBook(
        kind=_KINDS[product[2]],
        product_name=product[0],
        unit=product[1],
        place=place,
        first_day=period.first_day,
        last_day=period.last_day,
        opening_balance=_opening(connection, account_id, period.begins_at, product_id).get(product_id, 0),
        lines=tuple(
            BookLine(
                day=row["occurred_at"].astimezone(period.zone).date(),
                partner=row["supplier_name"] or row["other_name"] or _OUTSIDE.get(row["other"], row["other"]),
                document_in=(row["number"] or "") if row["change"] > 0 else "",
                document_out=(row["number"] or "") if row["change"] < 0 else "",
                quantity_in=max(row["change"], 0),
                quantity_out=max(-row["change"], 0),
                lot=row["lot"],
                expiry_date=row["expiry_date"],
                remark=_ACTS.get(row["kind"], row["kind"]),
            )
            for row in _moves(connection, account_id, period, product_id)
        ),
    )


_STOCK: Final = (
    "SELECT p.product_id, p.name_vi, p.name_en, p.strength, p.control_class, pl.place_id, pl.name_vi AS place_name_vi,"
    " pl.name_en AS place_name_en, count(*) AS lots, (SELECT count(*) FROM discrepancy d LEFT JOIN movement m"
    " USING (movement_id) WHERE d.resolved_at IS NULL AND coalesce(d.product_id, m.product_id) = p.product_id)"
    " AS open_cases FROM product p JOIN stock_balance b USING (product_id) JOIN stock_account a USING (account_id)"
    " JOIN place pl ON pl.place_id = a.place_id WHERE p.control_class <> 'none' AND b.quantity > 0"
    " GROUP BY p.product_id, pl.place_id ORDER BY pl.name_vi, p.name_vi, p.product_id"
)
# The two sides of each movement at the account: what came and what went. A blind count belongs to the last line of its
# drug in its document; the order is that in which the books took them.
_MOVES: Final = (
    "SELECT m.occurred_at, m.kind, m.product_id, concat_ws(' ', p.name_vi, nullif(p.strength, '')) AS product_name,"
    " p.base_unit_vi AS unit, m.lot, coalesce(l.expiry_date, m.expiry_date) AS expiry_date,"
    " CASE WHEN m.to_account_id = %(account)s THEN m.quantity ELSE -m.quantity END AS change,"
    " CASE WHEN m.to_account_id = %(account)s THEN m.from_account_id ELSE m.to_account_id END AS other,"
    " opl.name_vi AS other_name, m.person, m.second_person, d.number, d.supplier_name,"
    " CASE WHEN row_number() OVER (PARTITION BY m.document_id, m.product_id"
    " ORDER BY m.occurred_at DESC, m.received_at DESC, m.movement_id DESC) = 1 THEN d.body -> 'counted' END AS counted"
    " FROM movement m JOIN product p USING (product_id) LEFT JOIN lot l USING (product_id, lot)"
    " LEFT JOIN stock_document d USING (document_id) LEFT JOIN stock_account oa"
    " ON oa.account_id = CASE WHEN m.to_account_id = %(account)s THEN m.from_account_id ELSE m.to_account_id END"
    " LEFT JOIN place opl ON opl.place_id = oa.place_id"
    " WHERE %(account)s IN (m.from_account_id, m.to_account_id)"
    " AND m.product_id = ANY(ARRAY(SELECT product_id FROM product WHERE control_class <> 'none'))"
    " AND (%(product)s::text IS NULL OR m.product_id = %(product)s)"
    " AND m.occurred_at >= %(begins)s AND m.occurred_at < %(ends)s"
    " ORDER BY m.occurred_at, m.received_at, m.movement_id"
)
_OPENING: Final = (
    "SELECT m.product_id, sum(CASE WHEN m.to_account_id = %(account)s THEN m.quantity ELSE -m.quantity END)::bigint"
    " FROM movement m WHERE %(account)s IN (m.from_account_id, m.to_account_id)"
    " AND m.product_id = ANY(ARRAY(SELECT product_id FROM product WHERE control_class <> 'none'))"
    " AND (%(product)s::text IS NULL OR m.product_id = %(product)s)"
    " AND m.occurred_at < %(begins)s GROUP BY 1"
)


def _moves(connection: Connection, account_id: str, period: Period, product_id: str | None) -> list[dict[str, Any]]:
    values = {"account": account_id, "product": product_id, "begins": period.begins_at, "ends": period.ends_at}
    cursor = connection.execute(_MOVES, values)
    columns = [column.name for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor]


def _opening(connection: Connection, account_id: str, before: datetime, product_id: str | None) -> dict[str, int]:
    """Base units of each drug on the account when the period begins."""
    rows = connection.execute(_OPENING, {"account": account_id, "product": product_id, "begins": before})
    return {str(row[0]): int(row[1]) for row in rows}


def _place(connection: Connection, place_id: str) -> str:
    row = connection.execute("SELECT name_vi FROM place WHERE place_id = %s", (place_id,)).fetchone()
    if row is None:
        raise WorkNotFoundError("place_unknown", f"no place {place_id!r}", place=place_id)
    return str(row[0])


def _names(connection: Connection) -> dict[Any, str]:
    return {row[0]: str(row[1]) for row in connection.execute("SELECT username, display_name FROM login_account")}
