"""Making a card of a blank for a request: begun, gone on with after any interruption, finished, all written down.

What is on the chip is never guessed from what is written down, nor the other way round: both are looked at each time.
"""

import secrets as randomness
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from cryptography import x509

from cards.card_state import CardState
from cards.connection import CardConnection
from cards.issuing.piv_personalisation import PivRequest, personalise_piv
from cards.ntag424.personalisation import personalise as personalise_tag
from gateway.db.pool import Connection, Pool
from gateway.issuing import chips, stations
from gateway.issuing.chips import Chip, SeenCard
from gateway.issuing.doer import Doer
from gateway.issuing.keyring import IssuingSecrets
from gateway.issuing.requests import (
    CardRequest,
    add_step,
    move_request,
    read_request,
    require_state,
)
from gateway.stock.errors import WorkRefusedError

Progress = Callable[[str], None]
RecordSealer = Callable[[UUID, str], bytes]
"""From patient and card id to the sealed emergency record; empty: none."""
_DAYS_A_YEAR: Final = 365.25
_PIN_DIGITS: Final = 8
_CLOCKS_BEHIND: Final = timedelta(minutes=5)
"""So much may the clock of an edge node be behind without refusing a new card."""
_UNTOUCHED: Final = frozenset({"look", "number"})
"""Steps before which nothing of ours is on the chip."""


@dataclass(frozen=True)
class Making:
    """What is needed for it besides the card."""

    pool: Pool
    clock: Callable[[], datetime]
    zone: ZoneInfo
    address: str
    """That NTAG 424 cards lead to; empty: none can be made."""
    card_years: int
    seal_record: RecordSealer


def make_card(
    making: Making,
    request_id: UUID,
    card: CardConnection,
    seen: SeenCard,
    secrets: IssuingSecrets,
    *,
    by: str,
    progress: Progress,
) -> CardRequest:
    """The request's card, finished and proven.

    Raises:
        WorkRefusedError: this card is not for this request, or nothing can be made now.
        CardGoneError: it was taken away; the same card goes on where it was.
        CardError: it refused, or does not prove itself.
        SignerError: the card CA's key can't be used.
    """
    now = making.clock()
    with making.pool.connection() as connection:
        request = read_request(connection, request_id, lock=True)
        require_state(request, "requested", "personalising")
        if request.profile == "ntag424" and not making.address:
            raise WorkRefusedError("card_address_missing", "no https address for NTAG 424 cards: [issuing] address")
        chip = chips.begin(connection, request, seen, now)
        if request.state == "requested":
            move_request(connection, request, "personalising", Doer(by, now), step="begun", card_id=chip.card_id)
    if seen.state is CardState.UNFINISHED:
        _book(making, chip, request, by)

    def tell(step: str) -> None:
        if step not in _UNTOUCHED and seen.state is not CardState.UNFINISHED:
            _book(making, chip, request, by)
        progress(step)

    job = _Job(request, chip, by, tell)
    if request.profile == "piv":
        return _make_piv(making, job, card, secrets)
    return _make_tag(making, job, card, secrets)


@dataclass(frozen=True)
class _Job:
    request: CardRequest
    chip: Chip
    by: str
    progress: Progress


def _make_piv(making: Making, job: _Job, card: CardConnection, secrets: IssuingSecrets) -> CardRequest:
    now, request = making.clock(), job.request
    authority = secrets.signer.certificate
    _, last = validity(now.astimezone(making.zone).date(), making.card_years)
    until = datetime.combine(last + timedelta(days=1), time(0), making.zone).astimezone(UTC)
    asked = PivRequest(
        valid_from=max(now.replace(microsecond=0) - _CLOCKS_BEHIND, authority.not_valid_before_utc),
        valid_until=min(until, authority.not_valid_after_utc),
        pin=_nobodys_pin(),
        emergency_record=lambda guid: making.seal_record(request.patient_id, guid.hex()),
        draw_guid=lambda: bytes.fromhex(job.chip.card_id),
    )
    done = personalise_piv(card, secrets.piv_issuer, asked, now, job.progress)
    if done.guid.hex() != job.chip.card_id:
        raise WorkRefusedError("card_of_nobody", f"card {done.guid.hex()} is not the one that was begun")
    certificate = x509.load_der_x509_certificate(done.certificate_der)
    made = Made(
        done.key_version,
        certificate.not_valid_before_utc.astimezone(making.zone).date(),
        (certificate.not_valid_after_utc - timedelta(seconds=1)).astimezone(making.zone).date(),
        done.certificate_der,
    )
    return _finish(making, request, job.chip, made, job.by)


def _make_tag(making: Making, job: _Job, card: CardConnection, secrets: IssuingSecrets) -> CardRequest:
    first, last = validity(making.clock().astimezone(making.zone).date(), making.card_years)
    done = personalise_tag(card, secrets.tag_masters, making.address, progress=job.progress)
    made = Made(done.key_version, first, last, tag_counter=done.counter)
    return _finish(making, job.request, job.chip, made, job.by)


@dataclass(frozen=True)
class Made:
    """What the card has become."""

    key_version: int
    valid_from: date
    valid_until: date
    certificate_der: bytes | None = None
    tag_counter: int | None = None


def _finish(making: Making, request: CardRequest, chip: Chip, made: Made, by: str) -> CardRequest:
    """Written down in one transaction. Where that fails, the same card is put on again: it is issued, and stays so."""
    doer = Doer(by, making.clock())
    with making.pool.connection() as connection:
        now_state = read_request(connection, request.request_id, lock=True)
        require_state(now_state, "personalising")
        chips.finish(connection, chip, made.key_version, request.profile, doer)
        connection.execute(
            "UPDATE card_request SET card_id = %s, key_version = %s, certificate_der = %s, tag_counter = %s,"
            " valid_from = %s, valid_until = %s WHERE request_id = %s",
            (
                *(chip.card_id, made.key_version, made.certificate_der, made.tag_counter),
                *(made.valid_from, made.valid_until, request.request_id),
            ),
        )
        log_use(connection, chip.card_id, "issued", "card_issuer", doer.at)
        connection.execute(
            "UPDATE card_batch_item SET state = 'done', note = '', changed_at = %s"
            " WHERE request_id = %s AND state = 'waiting'",
            (doer.at, request.request_id),
        )
        stations.put_off(connection, request_id=request.request_id)
        move_request(
            connection,
            now_state,
            "personalised",
            doer,
            step="personalised",
            card_id=chip.card_id,
            key_version=made.key_version,
        )
        return read_request(connection, request.request_id)


def _book(making: Making, chip: Chip, request: CardRequest, by: str) -> None:
    with making.pool.connection() as connection:
        chips.book_blank(connection, chip, request.profile, Doer(by, making.clock()))


def validity(today: date, years: int) -> tuple[date, date]:
    """First and last day of a card that is made today."""
    return today, today + timedelta(days=round(years * _DAYS_A_YEAR) - 1)


def log_use(connection: Connection, card_id: str, act: str, role: str, at: datetime) -> None:
    """For the holder: what was done with the card."""
    connection.execute(
        "INSERT INTO card_log (card_id, at, act, by_role) VALUES (%s, %s, %s, %s)", (card_id, at, act, role)
    )


def note_interrupted(making: Making, request_id: UUID, by: str, why: str) -> None:
    """Write down that a card was taken away, or refused; the request stays as it is."""
    with making.pool.connection() as connection:
        add_step(connection, request_id, "interrupted", Doer(by, making.clock()), why=why)


def _nobodys_pin() -> str:
    """Eight digits that nobody learns: the holder chooses a PIN at the desk, and until then there is none."""
    return f"{randomness.randbelow(10**_PIN_DIGITS):0{_PIN_DIGITS}d}"
