"""Edge nodes as the ingest meets them: locked when a transaction begins, written once when it ends."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from edge.contracts.topics import Sender
from gateway.db.pool import Connection
from gateway.services.devices import NodeKnown


def lock_nodes(connection: Connection, senders: Iterable[Sender]) -> dict[Sender, NodeKnown]:
    """Lock the nodes' rows, in the order of their names, until the transaction ends; the unknown are entered."""
    wanted = sorted(senders, key=_name)
    if not wanted:
        return {}
    known = _select(connection, wanted)
    unknown = [sender for sender in wanted if sender not in known]
    if unknown:
        connection.execute(
            "INSERT INTO edge_node (site, edge_node) SELECT * FROM unnest(%s::text[], %s::text[])"
            " ON CONFLICT DO NOTHING",
            _names(unknown),
        )
        known |= _select(connection, unknown)
    return known


def write_nodes(
    connection: Connection,
    heard: Mapping[Sender, datetime],
    offsets_s: Mapping[Sender, float],
    lags_s: Mapping[Sender, float],
) -> None:
    """Write when each locked node was heard last; how far its clock is off and it is behind, where that is known."""
    if heard:
        connection.execute(
            "UPDATE edge_node SET last_heard_at = greatest(edge_node.last_heard_at, told.heard_at),"
            " clock_offset_s = coalesce(told.offset_s, edge_node.clock_offset_s),"
            " ingest_lag_s = coalesce(told.lag_s, edge_node.ingest_lag_s),"
            " ingest_lag_at = CASE WHEN told.lag_s IS NULL THEN edge_node.ingest_lag_at ELSE now() END"
            " FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::float8[], %s::float8[])"
            " AS told (site, edge_node, heard_at, offset_s, lag_s)"
            " WHERE edge_node.site = told.site AND edge_node.edge_node = told.edge_node",
            (
                *_names(heard),
                list(heard.values()),
                [offsets_s.get(sender) for sender in heard],
                [lags_s.get(sender) for sender in heard],
            ),
        )


def _select(connection: Connection, senders: Iterable[Sender]) -> dict[Sender, NodeKnown]:
    rows = connection.execute(
        "SELECT site, edge_node, state, boot_id, clock_offset_s, state_changed_at FROM edge_node"
        " JOIN unnest(%s::text[], %s::text[]) AS asked (site, edge_node) USING (site, edge_node)"
        " ORDER BY site, edge_node FOR NO KEY UPDATE OF edge_node",
        _names(senders),
    )
    return {Sender(site, edge_node): NodeKnown(*known) for site, edge_node, *known in rows}


def _name(sender: Sender) -> tuple[str, str]:
    return sender.site, sender.edge_node


def _names(senders: Iterable[Sender]) -> tuple[list[str], list[str]]:
    names = [_name(sender) for sender in senders]
    return [site for site, _ in names], [edge_node for _, edge_node in names]
