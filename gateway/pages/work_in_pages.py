"""The work that brings goods in and moves them, as pages: what each is called, and where its document goes."""

from typing import Any, Final

from gateway.pages.translations import N_
from gateway.pages.work_kit import WorkPage


def _page(act: str, path: str, post: str, title: str, explain: str, **more: Any) -> WorkPage:  # noqa: ANN401 - fields of `WorkPage`
    template = more.pop("template", f"work_in_{act}.html")
    stock = f"/api/v1/stock/{post}"
    return WorkPage(act=act, path=f"/work/{path}", post=stock, title=title, explain=explain, template=template, **more)


RECEIVE: Final = _page(
    "receipt",
    "receive",
    "receipts",
    N_("Receive"),
    N_("Goods from a supplier. Choose the place, then scan packs or cases."),
    template="work_in_receive.html",
)
PUT_AWAY: Final = _page(
    "put_away",
    "put-away",
    "put-aways",
    N_("Put away"),
    N_("From where goods arrived to their shelf or fridge."),
    take_from="from_place_id",
)
SEND: Final = _page(
    "transfer",
    "transfer",
    "transfers",
    N_("Transfer"),
    N_("To another place of the hospital; it is on its way until somebody receives it there."),
    template="work_in_send.html",
    take_from="from_place_id",
)
ARRIVE: Final = _page(
    "arrival",
    "arrivals",
    "transfers/{transfer_id}/arrivals",
    N_("Receive a transfer"),
    N_("Scan what arrived, or take over all that is on its way and correct it."),
    template="work_in_arrive.html",
    may_be_empty=True,
)
WARD_RETURN: Final = _page(
    "ward_return",
    "return",
    "returns-from-wards",
    N_("Return from a ward"),
    N_("What a ward gives back."),
    template="work_in_return.html",
)
SUPPLIER_RETURN: Final = _page(
    "supplier_return",
    "return-to-supplier",
    "returns-to-suppliers",
    N_("Return to the supplier"),
    N_("Also what is held or has expired."),
    template="work_in_return.html",
    take_from="from_place_id",
)
ADJUST: Final = _page(
    "adjustment",
    "adjust",
    "adjustments",
    N_("Adjust"),
    N_("Where the books and the shelf differ. A reason is needed, and it stays visible."),
    template="work_in_adjust.html",
    take_from="place_id",
)
REPACK: Final = _page(
    "repack",
    "repack",
    "repackings",
    N_("Repack"),
    N_("Break a case or a box, or make smaller packs."),
    take_from="place_id",
    sides=("sources", "targets"),
)
