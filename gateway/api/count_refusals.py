"""What counts refuse, as problems that say what mends them."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from gateway.api.problems import Problem, not_found
from gateway.pages.translations import N_
from gateway.stock.count_scope import CountConflictError, CountNotFoundError
from gateway.stock.errors import WarehouseError
from inventory.errors import InventoryError, MovementConflictError


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a count refuses into a problem: 404 not there, 409 in conflict with what is there, 422 else."""
    try:
        yield
    except CountNotFoundError:
        raise not_found(N_("There is no such stocktake, RFID count or tag in it.")) from None
    except (CountConflictError, MovementConflictError) as error:
        raise _problem(HTTPStatus.CONFLICT, "count_conflict", error) from None
    except (WarehouseError, InventoryError) as error:
        raise _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "count_refused", error) from None


def _problem(status: HTTPStatus, code: str, error: Exception) -> Problem:
    return Problem(
        status,
        code,
        N_("This count can't be taken"),
        N_("Nothing was changed. The reason: %(reason)s"),
        {"reason": str(error)},
    )
