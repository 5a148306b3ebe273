"""How a page speaks: words, numbers, dates and names in one language and the hospital's time zone."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.pages.translations import N_, Catalogue

_MONTHS_A_YEAR: Final = 12
_AGE_IN_MONTHS_BELOW: Final = 36
"""Months: a small child's age is told in months (paediatric habit: months matter for dose and growth below 3 years)."""
_DAYS_A_NEWBORN: Final = 28
"""Days: WHO's neonatal period; the age is told in days."""


@dataclass(frozen=True)
class Speech:
    """One language and one time zone."""

    catalogue: Catalogue
    zone: ZoneInfo

    @property
    def language(self) -> str:
        """`vi` or `en`."""
        return self.catalogue.language

    def text(self, msgid: str, /, **values: object) -> str:
        """The text in this language."""
        return self.catalogue.text(msgid, **values)

    def named(self, name_vi: str, name_en: str) -> str:
        """The name in this language; the other one where this one is empty."""
        return (name_vi or name_en) if self.language == "vi" else (name_en or name_vi)

    def decimal(self, value: float, digits: int = 1) -> str:
        """A number with a fixed number of decimals; Vietnamese writes the decimal comma."""
        text = f"{value:.{digits}f}"
        if float(text) == 0:
            text = text.lstrip("-")
        text = text.replace("-", "\N{MINUS SIGN}")
        return text.replace(".", ",") if self.language == "vi" else text

    def whole(self, value: int) -> str:
        """A whole number, thousands grouped: a dot in Vietnamese, a comma in English."""
        text = f"{value:,}".replace("-", "\N{MINUS SIGN}")
        return text.replace(",", ".") if self.language == "vi" else text

    def celsius(self, value: float) -> str:
        """A temperature with its unit; the space cannot break (ISO 80000-1, 7.1.4)."""
        return f"{self.decimal(value)}\N{NO-BREAK SPACE}\N{DEGREE SIGN}C"

    def day(self, value: date) -> str:
        """dd/MM/yyyy, in both languages: an expiry date must never be read two ways."""
        return f"{value:%d/%m/%Y}"

    def local(self, value: datetime) -> datetime:
        """The time in the hospital's time zone."""
        return value.astimezone(self.zone)

    def clock(self, value: datetime) -> str:
        """HH:mm:ss in the hospital's time zone."""
        return f"{self.local(value):%H:%M:%S}"

    def since(self, value: datetime, now: datetime) -> str:
        """HH:mm if it was today, else dd/MM HH:mm."""
        local = self.local(value)
        return f"{local:%H:%M}" if local.date() == self.local(now).date() else f"{local:%d/%m %H:%M}"

    def day_and_clock(self, value: datetime) -> str:
        """dd/MM/yyyy HH:mm:ss."""
        return f"{self.local(value):%d/%m/%Y %H:%M:%S}"

    def age(self, birth_date: date, now: datetime) -> str:
        """Age in days, months or years, as it is said of a patient of that age."""
        today = self.local(now).date()
        days = (today - birth_date).days
        months = (today.year - birth_date.year) * _MONTHS_A_YEAR + today.month - birth_date.month
        months -= today.day < birth_date.day
        if days < _DAYS_A_NEWBORN:
            return self.text(N_("%(count)s days old"), count=max(days, 0))
        if months < _AGE_IN_MONTHS_BELOW:
            return self.text(N_("%(count)s months old"), count=months)
        return self.text(N_("%(count)s years old"), count=months // _MONTHS_A_YEAR)

    def duration(self, seconds: float) -> str:
        """A length of time in its two largest fitting units: `45 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
        whole = max(0, int(seconds))
        minutes, hours, days = whole // 60, whole // 3600, whole // 86400
        if minutes == 0:
            return self.text(N_("%(count)s s"), count=whole)
        if hours == 0:
            return self.text(N_("%(count)s min"), count=minutes)
        if days == 0:
            return self.text(N_("%(hours)s h %(minutes)s min"), hours=hours, minutes=f"{minutes % 60:02d}")
        return self.text(N_("%(days)s d %(hours)s h"), days=days, hours=hours % 24)


def grouped(identifier: str, size: int = 4) -> str:
    """An identifier in groups from the right, so that it can be read aloud: `12345678` is `1234 5678`."""
    head = len(identifier) % size
    parts = [identifier[:head]] if head else []
    parts += [identifier[start : start + size] for start in range(head, len(identifier), size)]
    return " ".join(parts)


def family_name_first(full_name: str) -> tuple[str, str]:
    """A Vietnamese name as (FAMILY NAME, the rest as written): the family name comes first and is set in capitals."""
    family, _, rest = full_name.strip().partition(" ")
    return family.upper(), rest
