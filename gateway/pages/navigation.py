"""The pages that a person may choose, each with its roles."""

from typing import Final

from gateway.pages.translations import N_
from gateway.services.roles import (
    ADMIN_ROLES,
    CARD_DESK_ROLES,
    COLD_CHAIN_ROLES,
    DESK_ROLES,
    QUEUE_ROLES,
    RECORD_ROLES,
    STOCK_ROLES,
    Role,
)

NAVIGATION: Final[tuple[tuple[str, str, frozenset[Role]], ...]] = (
    ("/pharmacy", N_("Pharmacy"), STOCK_ROLES),
    ("/work", N_("Work in the store"), STOCK_ROLES),
    ("/count", N_("Counting"), STOCK_ROLES),
    ("/stock", N_("Stock"), STOCK_ROLES),
    ("/catalogue", N_("Catalogue"), STOCK_ROLES),
    ("/desk", N_("Registration desk"), DESK_ROLES),
    ("/queues", N_("Queues"), QUEUE_ROLES),
    ("/patients", N_("Patients"), RECORD_ROLES),
    ("/cards", N_("Cards"), CARD_DESK_ROLES),
    ("/on-call", N_("On call"), COLD_CHAIN_ROLES),
    ("/admin", N_("Administration"), ADMIN_ROLES),
)
"""(address, msgid of the name, roles)."""
