"""The load of the ingest benchmark is what an edge node would send."""

from datetime import UTC, datetime

import pytest

from edge.contracts.frame import decode_frame
from edge.contracts.observations import OBSERVATION, TemperatureMeasured
from medtap.bench.ingest import IngestOptions, measure_ingest
from medtap.bench.ingest_load import LoadSpec, frames, readings

SPEC = LoadSpec("127.0.0.1", 1, "bench", 2, 3, 10, 4, 8, datetime(2026, 11, 22, 5, 0, tzinfo=UTC).isoformat())


def test_the_frames_of_the_load_are_those_an_edge_node_makes() -> None:
    made = frames(SPEC, 1)
    assert [last for last, _ in made] == [4, 8, 10]
    decoded = [decode_frame(payload) for _, payload in made]
    rows = [row for frame in decoded for row in frame.rows]
    assert [row.seq for row in rows] == list(range(1, 11))
    for row, expected in zip(rows, readings(SPEC, 1), strict=True):
        assert isinstance(row.observation, TemperatureMeasured)
        assert row.observation.occurred_at == expected.occurred_at
        assert row.observation.temperature_celsius == expected.temperature_celsius
    first = OBSERVATION.dump_json(rows[1].observation)  # type: ignore[arg-type] # understood, as asserted above
    assert first in made[0][1]


@pytest.mark.integration
def test_a_small_run_counts_every_reading_once_and_gives_its_figures() -> None:
    figures = measure_ingest(IngestOptions(readings=4000, messages=200))
    assert figures["readings"] == 4000
    assert figures["single_messages"] == 200
    assert figures["readings_per_s"] > 0
    assert figures["ratio"] > 0
    assert figures["ratio_write_row"] > 0
    assert {"gateway", "postgres", "broker", "load"} == set(figures["cpu_s"])
    assert 20 < figures["gateway_rss_mb"] < 300


@pytest.mark.slow
@pytest.mark.integration
def test_five_times_what_the_database_takes_for_a_minute_drops_nothing_and_stays_under_300_mb() -> None:
    figures = measure_ingest(IngestOptions(readings=40_000, messages=4000, overload_s=60))
    overload = figures["overload"]
    assert overload["dropped"] == 0
    assert overload["committed_per_s"] < overload["offered_per_s"]
    assert overload["gateway_rss_mb"] < 300
