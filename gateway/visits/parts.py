"""What the gateway starts for visits: the thread that asks the insurance, if there is one to ask."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.db.pool import Pool
from gateway.people.people import People
from gateway.visits.config import InsuranceConfig
from gateway.visits.insurance import HttpInsurance
from gateway.visits.insurance_desk import InsuranceDesk


class VisitParts:
    """Started parts."""

    def __init__(self, insurance: InsuranceDesk | None) -> None:
        self._insurance = insurance

    def stop(self) -> None:
        """End them."""
        if self._insurance is not None:
            self._insurance.stop()


def start(
    pool: Pool, people: People, config: InsuranceConfig, clock: Callable[[], datetime], zone: ZoneInfo
) -> VisitParts:
    """Begin.

    Raises:
        ConfigError: the insurance's token can't be read.
    """
    if not config.url:
        return VisitParts(None)
    desk = InsuranceDesk(pool, people, HttpInsurance(config), clock, zone)
    desk.start()
    return VisitParts(desk)
