"""A test of one channel: a message that says that it is one, to somebody's own contacts there."""

from datetime import datetime

from gateway.db.pool import Connection
from gateway.pager.outbox import NewPage, write_page


def write_trial(connection: Connection, channel: str, username: str | None, *, has_people: bool, at: datetime) -> int:
    """Put it into the outbox; how many messages that were.

    Args:
        connection: the caller's transaction.
        channel: by its name.
        username: whose contacts; None only for channels without people.
        has_people: whether the channel needs a contact's address.
        at: the gateway's clock, in the hospital's time zone.
    """
    addresses = [""]
    if has_people:
        rows = connection.execute(
            "SELECT address FROM pager_contact WHERE username = %s AND channel = %s AND removed_at IS NULL",
            (username, channel),
        )
        addresses = [address for (address,) in rows]
    for address in addresses:
        page = NewPage(
            channel=channel,
            created_at=at,
            kind="test",
            severity="warning",
            username=username,
            address=address,
            reason="test",
            text=f"[THỬ] medtap: tin thử kênh {channel} lúc {at:%H:%M:%S}. Không cần làm gì.",
        )
        write_page(connection, page)
    return len(addresses)
