"""The work that gives out, as pages of the kit: what each is called, and where its document goes."""

from typing import Final

from gateway.pages.translations import N_
from gateway.pages.work_kit import WorkPage

ISSUE: Final = WorkPage(
    act="issue",
    path="/work/issue",
    title=N_("Issue to a ward"),
    explain=N_("What a ward asks for. Lots are proposed by expiry and put aside; then they are picked."),
    post="/api/v1/stock/issues",
    template="work_out_issue.html",
    by_product=True,
    then="/work/out/{document_id}",
)
DISPENSE: Final = WorkPage(
    act="dispensing",
    path="/work/dispense",
    title=N_("Dispense to a patient"),
    explain=N_("Have the card put on the reader, or enter a number; then scan or type what is prescribed."),
    post="/api/v1/stock/dispensings",
    template="work_out_dispense.html",
    by_product=True,
    then="/work/out/{document_id}",
)
DESTROY: Final = WorkPage(
    act="destruction",
    path="/work/destroy",
    title=N_("Destruction"),
    explain=N_("One person writes it down, another was there and confirms it."),
    post="/api/v1/stock/destructions",
    template="work_out_destroy.html",
    take_from="place_id",
)
HOLDS: Final = WorkPage(
    act="holds",
    path="/work/holds",
    title=N_("Holds and quarantine"),
    explain=N_("What is held is not given out until two people release it. Scan what is to be held."),
    post="/api/v1/stock/holds/batches",
    template="work_out_holds.html",
    see="#open-holds",
)
