"""Which UHF tags stand before which antenna, as the readers see it: a tag not seen is not a tag gone."""

from edge.contracts.observations import TagAppeared, TagDisappeared
from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence


def apply_tag_appeared(connection: Connection, at: Occurrence, tag: TagAppeared) -> tuple[NewLiveEvent, ...]:
    """The tag is in this antenna's field from now on."""
    connection.execute(
        "INSERT INTO tag_presence (epc, device_key, antenna_id, appeared_at, last_seen_at)"
        " VALUES (%(epc)s, %(device)s, %(antenna)s, %(at)s, %(at)s)"
        " ON CONFLICT (epc, device_key, antenna_id) DO UPDATE SET appeared_at = excluded.appeared_at,"
        " disappeared_at = NULL, last_seen_at = excluded.last_seen_at",
        {"epc": tag.epc, "device": at.device_key, "antenna": tag.antenna_id, "at": at.occurred_at},
    )
    return (_shown(at, tag.epc, tag.antenna_id, present=True),)


def apply_tag_disappeared(connection: Connection, at: Occurrence, tag: TagDisappeared) -> tuple[NewLiveEvent, ...]:
    """The tag was not seen for the reader's configured time. Its appearance may have been lost with an old outbox."""
    # A suspect device clock moves occurred_at; last_seen_at is moved with it.
    last_seen_at = at.occurred_at - (tag.occurred_at - tag.last_seen_at)
    connection.execute(
        "INSERT INTO tag_presence (epc, device_key, antenna_id, appeared_at, disappeared_at, last_seen_at)"
        " VALUES (%(epc)s, %(device)s, %(antenna)s, %(seen)s, %(at)s, %(seen)s)"
        " ON CONFLICT (epc, device_key, antenna_id) DO UPDATE SET"
        " disappeared_at = excluded.disappeared_at, last_seen_at = excluded.last_seen_at",
        {
            "epc": tag.epc,
            "device": at.device_key,
            "antenna": tag.antenna_id,
            "at": at.occurred_at,
            "seen": last_seen_at,
        },
    )
    return (_shown(at, tag.epc, tag.antenna_id, present=False),)


def _shown(at: Occurrence, epc: str, antenna_id: int, *, present: bool) -> NewLiveEvent:
    payload = {"epc": epc, "device_key": at.device_key, "antenna_id": antenna_id, "present": present}
    return NewLiveEvent("pharmacy", "tag", payload)
