"""What the pages of the issuing desk are told as it happens: ids and numbers, on the desk's channel."""

from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent, publish

KIND: str = "card_desk"


def tell_desk(connection: Connection, what: str, **ids: str) -> None:
    """Wake the pages at the commit. Called last in a transaction: it takes the lock of the order of events."""
    publish(connection, (NewLiveEvent("desk", KIND, {"what": what, **ids}),))
