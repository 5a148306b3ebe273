"""What is printed of an order: data for `gateway.reports`, read from the books."""

from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.reports.purchase_order import PlannedLine, PurchaseOrder, PurchaseOrderLine, in_packs
from gateway.stock.order_proposal import Proposal
from gateway.stock.order_reads import Order, order_history, order_lines


def order_paper(connection: Connection, order: Order, zone: ZoneInfo) -> PurchaseOrder:
    """In Vietnamese, with the prices that are known; the person by the name that they are signed in with."""
    lines = order_lines(connection, order.order_id)
    products = [line.product_id for line in lines]
    numbers = connection.execute(
        "SELECT product_id, string_agg(registration_number, ', ' ORDER BY registration_number)"
        " FROM product_registration WHERE product_id = ANY(%s) GROUP BY 1",
        (products,),
    ).fetchall()
    prices = connection.execute(
        "SELECT product_id, unit_cost_vnd FROM product WHERE product_id = ANY(%s) AND unit_cost_vnd IS NOT NULL",
        (products,),
    ).fetchall()
    registration = {str(row[0]): str(row[1]) for row in numbers}
    price = {str(row[0]): round(row[1]) for row in prices}
    name = connection.execute(
        "SELECT display_name FROM login_account WHERE username = %s", (order.ordered_by,)
    ).fetchone()
    return PurchaseOrder(
        number=order.number,
        day=order.ordered_at.astimezone(zone).date(),
        supplier=order.supplier_name,
        place=order.place_vi,
        expected_on=order.expected_on,
        note=order.note,
        changes=[each.kind for each in order_history(connection, order.order_id)].count("changed"),
        ordered_by=str(name[0]) if name else order.ordered_by,
        lines=tuple(
            PurchaseOrderLine(
                product_id=line.product_id,
                product_name=line.name_vi,
                registration_numbers=registration.get(line.product_id, ""),
                unit=line.base_unit_vi,
                quantity=line.quantity,
                pack_units=line.pack_units,
                unit_price_vnd=price.get(line.product_id),
            )
            for line in lines
        ),
        cancelled=order.state == "cancelled",
    )


def planned_lines(proposals: list[Proposal]) -> tuple[PlannedLine, ...]:
    """What a place should order, to be printed."""
    return tuple(
        PlannedLine(
            product_id=each.product_id,
            product_name=each.name_vi,
            unit=each.base_unit_vi,
            on_hand=each.on_hand,
            reorder_point=each.min_units if each.reorder_point is None else each.reorder_point,
            max_units=each.max_units,
            ordered=each.ordered,
            packs=in_packs(each.quantity, each.pack_units, each.base_unit_vi),
            quantity=each.quantity,
            last_supplier=each.last_supplier,
        )
        for each in proposals
    )
