"""The work that brings goods in and moves them, as pages: what each is called, and where its document goes."""

from typing import Final

from gateway.pages.translations import N_
from gateway.pages.work_kit import WorkPage

RECEIVE: Final = WorkPage(
    act="receipt",
    path="/work/receive",
    title=N_("Receive"),
    explain=N_("Goods from a supplier. Choose the place, then scan packs or cases."),
    post="/api/v1/stock/receipts",
    template="work_in_receive.html",
)
PUT_AWAY: Final = WorkPage(
    act="put_away",
    path="/work/put-away",
    title=N_("Put away"),
    explain=N_("From where goods arrived to their shelf or fridge."),
    post="/api/v1/stock/put-aways",
    template="work_in_put_away.html",
    take_from="from_place_id",
)
SEND: Final = WorkPage(
    act="transfer",
    path="/work/transfer",
    title=N_("Transfer"),
    explain=N_("To another place of the hospital; it is on its way until somebody receives it there."),
    post="/api/v1/stock/transfers",
    template="work_in_send.html",
    take_from="from_place_id",
)
ARRIVE: Final = WorkPage(
    act="arrival",
    path="/work/arrivals",
    title=N_("Receive a transfer"),
    explain=N_("Scan what arrived, or take over all that is on its way and correct it."),
    post="/api/v1/stock/transfers/{transfer_id}/arrivals",
    template="work_in_arrive.html",
    may_be_empty=True,
)
WARD_RETURN: Final = WorkPage(
    act="ward_return",
    path="/work/return",
    title=N_("Return from a ward"),
    explain=N_("What a ward gives back."),
    post="/api/v1/stock/returns-from-wards",
    template="work_in_return.html",
)
SUPPLIER_RETURN: Final = WorkPage(
    act="supplier_return",
    path="/work/return-to-supplier",
    title=N_("Return to the supplier"),
    explain=N_("Also what is held or has expired."),
    post="/api/v1/stock/returns-to-suppliers",
    template="work_in_return.html",
    take_from="from_place_id",
)
ADJUST: Final = WorkPage(
    act="adjustment",
    path="/work/adjust",
    title=N_("Adjust"),
    explain=N_("Where the books and the shelf differ. A reason is needed, and it stays visible."),
    post="/api/v1/stock/adjustments",
    template="work_in_adjust.html",
    take_from="place_id",
)
REPACK: Final = WorkPage(
    act="repack",
    path="/work/repack",
    title=N_("Repack"),
    explain=N_("Break a case or a box, or make smaller packs."),
    post="/api/v1/stock/repackings",
    template="work_in_repack.html",
    take_from="place_id",
    sides=("sources", "targets"),
)
