"""Two years of a hospital's warehouse as a plan: every movement of every lot, from its receipt to its last tablet.

Each lot is planned alone from its own seed, so that the same numbers give the same warehouse. Packs with a serial
number are received, put away, and issued to a patient or a ward; the rest comes as loose units, is carried to the
dispensary or to wards, and handed out in small quantities. Nothing goes below zero at any moment.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from inventory.check_digit import check_digit

WARDS: Final = 20
SHELVES: Final = 30
UNITS_A_PACK: Final = 30
MAIN, DISPENSARY = "place:bench-main", "place:bench-dispensary"
_LIFE_DAYS: Final = 240
"""A lot is used up within."""
_SHELF_LIFE_DAYS: Final = (300, 900)
_SLOW_EVERY: Final = 25
"""One product in so many is hardly used: what expires on the shelf."""
_STEPS_A_PACK: Final = 3


@dataclass(frozen=True)
class Size:
    """How large the warehouse is."""

    products: int = 1500
    lots: int = 12_000
    packs: int = 400_000
    movements: int = 5_000_000
    days: int = 730


@dataclass(frozen=True)
class LotPlan:
    """A lot, and how many movements it gets."""

    product: int
    number: int
    received_on: int
    """Days after the beginning."""
    shelf_life_days: int
    packs: int
    loose_steps: int
    slow: bool

    @property
    def product_id(self) -> str:
        """The hospital's code."""
        return product_id(self.product)

    @property
    def lot(self) -> str:
        """As on the pack."""
        return f"L{self.number:06d}"


@dataclass(frozen=True)
class Move:
    """One movement to be. The act that it belongs to is named by its kind and key."""

    at: datetime
    kind: str
    serial_number: str | None
    quantity: int
    source: str
    target: str
    document_kind: str
    document_key: str


def product_id(number: int) -> str:
    """Of the n-th product."""
    return f"BENCH-{number:04d}"


def gtin(number: int) -> str | None:
    """Of the n-th product's pack; every fourth has none, as many medicines here."""
    body = f"0893600{number:06d}"
    return None if number % 4 == 0 else body + str(check_digit(body))


def plan_lots(size: Size, seed: int) -> Iterator[LotPlan]:
    """Every lot, with its share of packs and movements; the sum of movements is exactly the size's."""
    draw = random.Random(seed)  # noqa: S311 - a plan, no secret
    with_gtin = [number for number in range(size.lots) if gtin(number % size.products) is not None]
    packs_left, pack_lots_left = size.packs, len(with_gtin)
    steps_left = size.movements - _STEPS_A_PACK * size.packs
    for number in range(size.lots):
        product = number % size.products
        packs = 0
        if gtin(product) is not None:
            packs = packs_left // pack_lots_left
            packs_left, pack_lots_left = packs_left - packs, pack_lots_left - 1
        share = max(1, steps_left // (size.lots - number))
        steps = share if number == size.lots - 1 else max(1, round(share * draw.uniform(0.4, 1.6)))
        steps_left -= steps
        yield LotPlan(
            product=product,
            number=number,
            received_on=draw.randrange(max(1, size.days - 5)),
            shelf_life_days=draw.randint(*_SHELF_LIFE_DAYS),
            packs=packs,
            loose_steps=steps,
            slow=product % _SLOW_EVERY == 0,
        )


def moves_of(lot: LotPlan, begin: datetime, until: datetime, seed: int) -> Iterator[Move]:
    """All that happens to a lot, in order of time within its packs and within its loose units."""
    draw = random.Random(seed * 1_000_003 + lot.number)  # noqa: S311 - as above
    received = begin + timedelta(days=lot.received_on, hours=8, minutes=draw.randrange(60))
    room_s = max(3600.0, min(_LIFE_DAYS * 86_400.0, (until - received).total_seconds() - 7200))
    share_used = min(1.0, room_s / (_LIFE_DAYS * 86_400.0)) * (0.1 if lot.slow else 0.97)
    for place in range(lot.packs):
        yield from _pack_moves(lot, place, received, (room_s, share_used), draw)
    yield from _loose_moves(lot, received, room_s, share_used, draw)


def _pack_moves(
    lot: LotPlan, place: int, received: datetime, use: tuple[float, float], draw: random.Random
) -> Iterator[Move]:
    room_s, share_used = use
    serial = f"{lot.number:06d}{place:05d}"
    shelf = f"place:bench-shelf-{1 + lot.number % SHELVES}"
    yield Move(received, "receive", serial, UNITS_A_PACK, "supplier", MAIN, "receipt", lot.lot)
    put_away = received + timedelta(minutes=30, seconds=place % 1800)
    yield Move(put_away, "put_away", serial, UNITS_A_PACK, MAIN, shelf, "put_away", f"{put_away:%Y%m%d}")
    later = put_away + timedelta(seconds=room_s * max(0.001, draw.random() * 0.95))
    if draw.random() < share_used:
        yield Move(later, "issue", serial, UNITS_A_PACK, shelf, "dispensed", "", "")
    else:
        other = f"place:bench-shelf-{1 + (lot.number + 1) % SHELVES}"
        yield Move(later, "put_away", serial, UNITS_A_PACK, shelf, other, "put_away", f"{later:%Y%m%d}")


def _loose_moves(
    lot: LotPlan, received: datetime, room_s: float, share_used: float, draw: random.Random
) -> Iterator[Move]:
    """The receipt, then rounds: to the dispensary or a ward, and from there to patients, one small part at a time."""
    steps = lot.loose_steps - 1
    use = max(1, steps)
    total = max(steps, int(use * 2.45 / max(0.05, share_used))) + 10
    yield Move(received, "receive", None, total, "supplier", MAIN, "receipt", lot.lot)
    ward = f"place:bench-ward-{1 + lot.number % WARDS}"
    there = {DISPENSARY: 0, ward: 0}
    main = total
    for step in range(steps):
        at = received + timedelta(seconds=3600 + (room_s - 3600) * (step + draw.random() * 0.9) / steps)
        day = f"{at:%Y%m%d}"
        target = ward if draw.random() < 0.2 else DISPENSARY  # noqa: PLR2004 - one round in five
        if there[target] < 4 and main > 0:  # noqa: PLR2004 - less than the largest part
            quantity = min(main, 40)
            main -= quantity
            there[target] += quantity
            if target == ward:
                yield Move(at, "issue", None, quantity, MAIN, ward, "issue", f"{day}{ward[-2:]}")
            else:
                yield Move(at, "put_away", None, quantity, MAIN, DISPENSARY, "put_away", day)
            continue
        source = target if there[target] > 0 else (DISPENSARY if there[DISPENSARY] > 0 else ward)
        quantity = min(there[source], draw.randint(1, 4))
        if quantity == 0:
            yield Move(at, "adjust_in", None, 1, "unexplained", MAIN, "adjustment", day)
            main += 1
            continue
        there[source] -= quantity
        yield Move(at, "dispense", None, quantity, source, "dispensed", "dispensing", f"{day}{draw.randrange(200):03d}")
