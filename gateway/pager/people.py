"""People and how each is reached: contacts by rank, quiet hours, who can be reached at all."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.pager.errors import PagerError, PagerNotFoundError
from gateway.pager.numbers import normal_number
from gateway.services.roles import Role

PHONE: Final = "phone"
"""A contact that people call; nothing is sent there."""
_RANK_MAX: Final = 9
_ADDRESS_MAX: Final = 200
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Contact:
    """One way to one person."""

    contact_id: UUID
    username: str
    channel: str
    address: str
    rank: int


@dataclass(frozen=True)
class Person:
    """Somebody who may be paged."""

    username: str
    display_name: str
    roles: tuple[str, ...]
    contacts: tuple[Contact, ...]
    quiet_from: time | None
    quiet_to: time | None

    @property
    def phones(self) -> tuple[str, ...]:
        """Numbers that a colleague can call."""
        return tuple(dict.fromkeys(each.address for each in self.contacts if each.address.startswith("+")))

    def by(self, channels: Collection[str]) -> tuple[Contact, ...]:
        """Contacts on these channels, in order."""
        return tuple(each for each in self.contacts if each.channel in channels)

    def quiet_until(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """When this person's quiet hours end, if `at` is within them; for warnings alone."""
        if self.quiet_from is None or self.quiet_to is None:
            return None
        local = at.astimezone(zone)
        now = local.time().replace(tzinfo=None)
        if self.quiet_from <= self.quiet_to:
            inside, day = self.quiet_from <= now < self.quiet_to, local.date()
        else:
            inside = now >= self.quiet_from or now < self.quiet_to
            day = local.date() + (_DAY if now >= self.quiet_from else timedelta())
        return datetime.combine(day, self.quiet_to, tzinfo=zone) if inside else None


def people(connection: Connection) -> Mapping[str, Person]:
    """Everybody with an account in use, by user name."""
    contacts: dict[str, list[Contact]] = {}
    rows = connection.execute(
        "SELECT contact_id, username, channel, address, rank FROM pager_contact WHERE removed_at IS NULL"
        " ORDER BY username, rank"
    )
    for row in rows:
        contacts.setdefault(row[1], []).append(Contact(*row))
    rows = connection.execute(
        "SELECT l.username, l.display_name, l.roles, p.quiet_from, p.quiet_to FROM login_account l"
        " LEFT JOIN pager_person p USING (username) WHERE l.disabled_at IS NULL ORDER BY l.display_name, l.username"
    )
    return {
        username: Person(username, name, tuple(roles), tuple(contacts.get(username, ())), quiet_from, quiet_to)
        for username, name, roles, quiet_from, quiet_to in rows
    }


def reachable(everybody: Mapping[str, Person], channels: Collection[str]) -> frozenset[str]:
    """Who has at least one contact on one of these channels."""
    return frozenset(username for username, person in everybody.items() if person.by(channels))


def on_call_people(everybody: Mapping[str, Person], channels: Collection[str]) -> list[Person]:
    """Everyone who answers alarms and can be reached; else administrators; else anyone."""
    able = [person for person in everybody.values() if person.by(channels)]
    for role in (Role.ON_CALL, Role.ADMIN):
        found = [person for person in able if role.value in person.roles]
        if found:
            return found
    return able


def who_has(connection: Connection, address: str) -> str | None:
    """Whose number or address this is; None: nobody's, or of somebody whose account is not in use."""
    row = connection.execute(
        "SELECT username FROM pager_contact JOIN login_account USING (username)"
        " WHERE address = %s AND removed_at IS NULL AND disabled_at IS NULL ORDER BY rank, username LIMIT 1",
        (address,),
    ).fetchone()
    return None if row is None else str(row[0])


@dataclass(frozen=True)
class NewContact:
    """What is said of a contact to be added."""

    username: str
    channel: str
    address: str
    rank: int | None = None
    """None: after those that there are."""


def add_contact(
    connection: Connection, new: NewContact, channels: Mapping[str, str], country_code: str, now: datetime
) -> UUID:
    """Add a way to reach somebody; a contact of the same rank moves down.

    Args:
        connection: the caller's transaction.
        new: what is added.
        channels: the channels to people, by name, with their kind; `phone` is always one.
        country_code: in place of a number's leading 0.
        now: the gateway's clock.

    Raises:
        PagerError: codes `no_such_person`, `no_such_channel`, `bad_number`, `no_address`, `too_many_contacts`.
    """
    account = connection.execute(
        "SELECT FROM login_account WHERE username = %s AND disabled_at IS NULL FOR UPDATE", (new.username,)
    ).fetchone()
    if account is None:
        raise PagerNotFoundError(
            "no_such_person", f"there is no active account {new.username!r}: create it first", person=new.username
        )
    if new.channel != PHONE and new.channel not in channels:
        known = ", ".join(sorted([PHONE, *channels]))
        raise PagerError(
            "no_such_channel", f"channel {new.channel!r}: expected one of {known}", channel=new.channel, known=known
        )
    address = _checked_address(new, channels, country_code)
    ranks = [
        rank
        for (rank,) in connection.execute(
            "SELECT rank FROM pager_contact WHERE username = %s AND removed_at IS NULL ORDER BY rank DESC",
            (new.username,),
        )
    ]
    if len(ranks) >= _RANK_MAX:
        raise PagerError("too_many_contacts", f"{new.username!r} has {_RANK_MAX} contacts: remove one first")
    rank = min(new.rank or _RANK_MAX, max(ranks, default=0) + 1, _RANK_MAX)
    _make_room(connection, new.username, rank, ranks)
    contact_id = uuid.uuid4()
    connection.execute(
        "INSERT INTO pager_contact (contact_id, username, channel, address, rank, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (contact_id, new.username, new.channel, address, rank, now),
    )
    return contact_id


def _checked_address(new: NewContact, channels: Mapping[str, str], country_code: str) -> str:
    if new.channel == PHONE or channels[new.channel] == "sms_modem":
        number = normal_number(new.address, country_code)
        if number is None:
            raise PagerError(
                "bad_number",
                f"telephone number {new.address!r}: expected digits such as 0901234567 or +84901234567",
                text=new.address,
            )
        return number
    address = new.address.strip()
    if not address or len(address) > _ADDRESS_MAX or any(sign.isspace() for sign in address):
        raise PagerError("no_address", f"address {new.address!r}: expected 1 to {_ADDRESS_MAX} characters, no space")
    return address


def _make_room(connection: Connection, username: str, rank: int, ranks: Sequence[int]) -> None:
    """Those at and below the rank move down, the lowest first, as far as the first rank that is free."""
    free = next((one for one in range(rank, _RANK_MAX + 1) if one not in ranks), None)
    if free is None:
        raise PagerError("too_many_contacts", f"{username!r} has no free rank below {rank}: remove a contact first")
    for old in range(free - 1, rank - 1, -1):
        connection.execute(
            "UPDATE pager_contact SET rank = %s WHERE username = %s AND rank = %s AND removed_at IS NULL",
            (old + 1, username, old),
        )


def remove_contact(connection: Connection, contact_id: UUID, now: datetime) -> Contact:
    """Use it no more; what was sent there keeps its record.

    Raises:
        PagerNotFoundError: there is no such contact (`no_such_contact`).
    """
    row = connection.execute(
        "UPDATE pager_contact SET removed_at = %s WHERE contact_id = %s AND removed_at IS NULL"
        " RETURNING contact_id, username, channel, address, rank",
        (now, contact_id),
    ).fetchone()
    if row is None:
        raise PagerNotFoundError("no_such_contact", f"there is no contact {contact_id}")
    return Contact(*row)


def set_quiet_hours(connection: Connection, username: str, quiet: tuple[time, time] | None) -> None:
    """Warnings wait meanwhile; critical pages never do."""
    start, end = quiet if quiet is not None else (None, None)
    connection.execute(
        "INSERT INTO pager_person (username, quiet_from, quiet_to) VALUES (%s, %s, %s)"
        " ON CONFLICT (username) DO UPDATE SET quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to",
        (username, start, end),
    )
