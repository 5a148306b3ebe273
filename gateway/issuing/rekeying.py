"""Bringing a card that is in use to the current key version. It stays the same card, with its number and its PIN."""

import secrets as randomness
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cards.connection import CardConnection
from cards.issuing.piv_personalisation import PivRequest, personalise_piv
from cards.ntag424.personalisation import personalise as personalise_tag
from cards.reading import read_card
from gateway.issuing import batches
from gateway.issuing.chips import SeenCard
from gateway.issuing.doer import Doer
from gateway.issuing.keyring import IssuingSecrets
from gateway.issuing.making import Making, log_use
from gateway.issuing.requests import CardRequest, add_step, find_requests
from gateway.stock.errors import WorkRefusedError
from gateway.taps.card_states import wake_status_list

_CHALLENGE_BYTES: Final = 32
_COUNTER_BITS: Final = 24
_NO_PIN: Final = "00000000"
"""Never written: a card that proves itself keeps the PIN it has."""


@dataclass(frozen=True)
class Doing:
    """In which batch, who, and who is told how far it is."""

    batch_id: UUID
    by: str
    progress: Callable[[str], None]


def rekey(making: Making, card: CardConnection, seen: SeenCard, secrets: IssuingSecrets, doing: Doing) -> str:
    """New keys for the card on the reader; its number. Interrupted, the same card goes on.

    Raises:
        WorkRefusedError: it is not in this batch, or does not prove itself.
        CardError: it was taken away, or refused.
    """
    with making.pool.connection() as connection:
        known = find_requests(connection, states=("handed_over",), card_id=seen.card_id) if seen.card_id else []
        mine = {one.request_id for one in batches.items_of(connection, doing.batch_id)}
    request = known[0] if known else None
    if request is None or request.request_id not in mine:
        number = request.card_number if request else ""
        raise WorkRefusedError("card_not_in_batch", f"card {number or seen.card_id} is not in this batch")
    if request.profile == "piv":
        return _piv(making, card, request, secrets, doing)
    if not making.address:
        raise WorkRefusedError("card_address_missing", "no https address for NTAG 424 cards: [issuing] address")
    done = personalise_tag(card, secrets.tag_masters, making.address, progress=doing.progress)
    return _finish(making, request, done.key_version, doing, counter=done.counter)


def _piv(making: Making, card: CardConnection, request: CardRequest, secrets: IssuingSecrets, doing: Doing) -> str:
    now = making.clock()
    challenge = randomness.token_bytes(_CHALLENGE_BYTES)
    reading = read_card(card, secrets.piv_issuer.anchors, challenge, now)
    if reading.verdict != "genuine":
        raise WorkRefusedError(
            "card_refuses", f"card {request.card_number}: {reading.reason}", text=reading.reason[:200]
        )
    unused = PivRequest(now, now, _NO_PIN)
    done = personalise_piv(card, secrets.piv_issuer, unused, now, doing.progress)
    return _finish(making, request, done.key_version, doing)


def _finish(making: Making, request: CardRequest, key_version: int, doing: Doing, *, counter: int | None = None) -> str:
    doer = Doer(doing.by, making.clock())
    with making.pool.connection() as connection:
        for table in ("card", "card_request", "card_chip"):
            connection.execute(
                f"UPDATE {table} SET key_version = %s WHERE card_id = %s".encode(),  # noqa: S608 - names of ours
                (key_version, request.card_id),
            )
        if counter is not None:
            connection.execute(
                "INSERT INTO sun_counter (card_id, highest, highest_at) VALUES (%s, (%s::bigint << %s) + %s, %s)"
                " ON CONFLICT (card_id) DO UPDATE SET highest = greatest(sun_counter.highest, excluded.highest)",
                (request.card_id, key_version, _COUNTER_BITS, counter, doer.at),
            )
        log_use(connection, str(request.card_id), "keys", "card_issuer", doer.at)
        add_step(connection, request.request_id, "rekeyed", doer, key_version=key_version)
        batches.item_done(connection, doing.batch_id, request.request_id, doer)
        wake_status_list(connection)
    return request.card_number
