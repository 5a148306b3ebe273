"""Words of orders: their states, what was done to them, and the pages on which they are written."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.pages.work_kit import WorkPage
from gateway.stock.order_reads import OrderState

ORDER_STATES: Final[Mapping[OrderState, State]] = MappingProxyType(
    {
        "open": State("info", N_("Ordered, nothing has come")),
        "partly": State("attention", N_("Partly received")),
        "received": State("ok", N_("Received")),
        "closed": State("unknown", N_("Closed, not all came")),
        "cancelled": State("unknown", N_("Cancelled")),
    }
)
ORDER_STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "changed": N_("Changed"),
        "closed": N_("Cancelled or closed"),
        "reopened": N_("Expected again"),
    }
)
WRITE: Final = WorkPage(
    act="order",
    path="/work/orders/new",
    title=N_("Write an order"),
    explain=N_("Scan a pack, or type a product's name. F4 takes over what is suggested."),
    post="/api/v1/stock/orders",
    template="order_write.html",
    then="/work/orders/{document_id}?saved=1",
    by_product=True,
    menu="/work/orders",
)
CHANGE: Final = replace(
    WRITE,
    act="order_change",
    path="/work/orders/{order_id}/change",
    title=N_("Change the order"),
    explain=N_("What has come already stays ordered. The supplier needs the new paper."),
    post="/api/v1/stock/orders/{order_id}/changes",
)
