"""Roles: what a person may do here; every route names the roles it is for."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """One role. A person may have several; none includes another, so that an administrator needn't see patients."""

    ADMIN = "admin"
    """Looks after nodes, devices and accounts."""
    PHARMACIST = "pharmacist"
    """Works with stock."""
    CLERK = "clerk"
    """Works at the registration desk: sees patients' names and papers."""
    CLINICIAN = "clinician"
    """Doctor or nurse of a clinic: calls patients in and sees who is in its queue."""
    CARD_ISSUER = "card_issuer"
    """Makes health cards: works with blanks, stations and the patients whose cards they are."""
    ON_CALL = "on_call"
    """Answers alarms."""
    VIEWER = "viewer"
    """Looks at stock and temperatures, changes nothing, sees no patient."""


EVERY_ROLE: Final = frozenset(Role)
STOCK_ROLES: Final = frozenset({Role.PHARMACIST, Role.VIEWER})
DESK_ROLES: Final = frozenset({Role.CLERK})
QUEUE_ROLES: Final = frozenset({Role.CLERK, Role.CLINICIAN})
"""Who may move a clinic's queue."""
PEOPLE_ROLES: Final = frozenset({Role.CLERK})
"""Who may register, correct and merge patients."""
RECORD_ROLES: Final = frozenset({Role.CLERK, Role.CLINICIAN})
"""Who may look for patients and see their records."""
EMERGENCY_ROLES: Final = frozenset({Role.CLERK, Role.CLINICIAN, Role.PHARMACIST})
"""Who may see emergency data: allergies are asked about where drugs are given out too."""
COLD_CHAIN_ROLES: Final = frozenset({Role.ON_CALL, Role.PHARMACIST, Role.VIEWER})
ALARM_ROLES: Final = frozenset({Role.ON_CALL, Role.PHARMACIST})
"""Who may acknowledge an alarm."""
DEVICE_ROLES: Final = frozenset({Role.ADMIN, Role.ON_CALL})
ADMIN_ROLES: Final = frozenset({Role.ADMIN})
CARD_DESK_ROLES: Final = frozenset({Role.CLERK, Role.CARD_ISSUER})
"""Who asks for cards and hands them over."""
CARD_MAKING_ROLES: Final = frozenset({Role.CARD_ISSUER})
FIRST_ADMIN_ROLES: Final = frozenset(
    {Role.ADMIN, Role.PHARMACIST, Role.CLERK, Role.CLINICIAN, Role.CARD_ISSUER, Role.ON_CALL}
)
"""The first account can do everything: on the first day there is nobody else to look at the pages."""
