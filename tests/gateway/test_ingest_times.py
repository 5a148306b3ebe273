"""A time that is none in UTC spoils its own row, not the frame around it."""

from edge.contracts.frame import decode_frame
from edge.contracts.observations import TemperatureMeasured
from edge.contracts.streams import Stream
from tests.gateway.ingest_kit import Node, encoded, reading


def test_a_time_before_the_year_one_in_utc_is_a_bad_row_and_its_neighbours_stand() -> None:
    good = encoded([reading(4.0), reading(4.1)])
    before_time = good[0].replace(b"2026-11-22T05:00:00Z", b"0001-01-01T00:00:00+14:00")
    assert before_time != good[0]
    frame = decode_frame(Node().rows(Stream.TELEMETRY, [good[0], before_time, good[1]]).payload)
    assert [isinstance(row.observation, TemperatureMeasured) for row in frame.rows] == [True, False, True]
    assert "occurred_at" in frame.rows[1].error
