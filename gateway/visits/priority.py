"""Who is called before whom: reasons for priority, and an order in which nobody waits for ever.

Law 15/2023/QH15 on medical examination and treatment, article 3: priority for an emergency, children under 6, pregnant
women, severely disabled people, people from 75 years on (80 before 2024), and people with merit to the revolution. An
appointment counts from its time on; that is the hospital's promise, not the law's.

The rule of calling, in a clinic:

1. An emergency comes first, always, among several the one who came first.
2. Of the others, after `PRIORITY_RUN` people with priority in a row comes one without, if there is one.
3. In each of the two lines, whoever came first. Who missed the call and came back stands behind the next
   `BEHIND_WHEN_BACK` of their line.

So an ordinary patient with n ordinary ones ahead is called after at most (n + 1) * (PRIORITY_RUN + 1) calls that are no
emergencies, however many with priority come, and one with priority and n ahead after at most 2 n + 2 of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, get_args
from uuid import UUID

Priority = Literal["none", "emergency", "child_under_6", "elderly", "pregnant", "disabled", "merit", "appointment"]
PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)
CHILD_BELOW_YEARS: Final = 6
ELDERLY_FROM_YEARS: Final = 75
"""Years of age (law 15/2023/QH15, article 3 clause 2); who is over 80 is so all the more."""
PRIORITY_RUN: Final = 2
"""Calls with priority in a row. In a children's hospital most patients are under 6: were
priority absolute, a boy of seven would wait until evening."""
BEHIND_WHEN_BACK: Final = 3
"""Places, the habit of Vietnamese clinics: late enough to be fair, soon enough not to be a punishment."""


@dataclass(frozen=True)
class Waiting:
    """One who waits."""

    entry_id: UUID
    priority: Priority
    ordered_at: datetime
    queue_number: int
    due_at: datetime | None = None
    """Time of the appointment."""

    @property
    def place(self) -> tuple[datetime, int]:
        """In their line."""
        return self.ordered_at, self.queue_number


def priority_by_age(birth_date: date | None, today: date) -> Priority:
    """What the age alone gives; `none` if the birth date is not known."""
    if birth_date is None or birth_date > today:
        return "none"
    years = today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    if years < CHILD_BELOW_YEARS:
        return "child_under_6"
    return "elderly" if years >= ELDERLY_FROM_YEARS else "none"


def has_priority(one: Waiting, now: datetime) -> bool:
    """Whether they stand in the line with priority now."""
    if one.priority == "appointment":
        return one.due_at is None or now >= one.due_at
    return one.priority != "none"


def calling_order(waiting: Iterable[Waiting], run: int, now: datetime) -> list[Waiting]:
    """Everybody who waits, in the order in which they would be called if nobody else came.

    Args:
        waiting: the clinic's.
        run: how many with priority were called in a row until now (`run_of`).
        now: decides which appointments are due.
    """
    in_line = sorted(waiting, key=lambda one: one.place)
    first = [one for one in in_line if one.priority == "emergency"]
    rest = [one for one in in_line if one.priority != "emergency"]
    favoured = [one for one in rest if has_priority(one, now)]
    ordinary = [one for one in rest if not has_priority(one, now)]
    order = first
    while favoured or ordinary:
        if favoured and (run < PRIORITY_RUN or not ordinary):
            order.append(favoured.pop(0))
            run += 1
        else:
            order.append(ordinary.pop(0))
            run = 0
    return order


def run_of(called_with_priority: Sequence[bool]) -> int:
    """How many of the latest calls in a row were with priority; the newest call first, emergencies left out."""
    run = 0
    for favoured in called_with_priority:
        if not favoured:
            break
        run += 1
    return run


def place_when_back(line: Sequence[Waiting], now: datetime) -> datetime:
    """`ordered_at` of who missed the call and is back, behind the next few of `line` (in its order)."""
    if not line:
        return now
    behind = line[min(BEHIND_WHEN_BACK, len(line)) - 1]
    return behind.ordered_at + timedelta(microseconds=1)
