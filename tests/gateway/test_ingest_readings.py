"""What is asked of readings on their way into the database, against the plain way of finding it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.db.rollups import SLOT
from gateway.ingest.fast_frame import WireReading
from gateway.ingest.readings import ReadingBlock, Readings
from gateway.ingest.rows import ReadingRow

_BEGAN = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
_DEVICES = {"probe-1": 1, "probe-2": 2, "probe-3": 3}
_SLOT_US = SLOT // timedelta(microseconds=1)


def _block(minutes: list[tuple[str, int]], cut: int) -> ReadingBlock:
    """A frame of readings, of which the first `cut` are stored already."""
    readings = [
        WireReading(name, _BEGAN + timedelta(minutes=minute), 1, "temperature_measured", minute + index / 100)
        for index, (name, minute) in enumerate(minutes)
    ]
    times = [each.occurred_at for each in readings]
    left = readings[min(cut, len(readings) - 1) :]
    return ReadingBlock(_BEGAN, 1, 1, 1, _DEVICES, left, min(times), max(times))


_BLOCKS = st.lists(
    st.builds(
        _block,
        st.lists(st.tuples(st.sampled_from(sorted(_DEVICES)), st.integers(0, 90)), min_size=1, max_size=8),
        st.integers(0, 3),
    ),
    max_size=6,
)
_ROWS = st.lists(
    st.builds(
        lambda key, minute: ReadingRow(_BEGAN + timedelta(minutes=minute), key, 4.0, _BEGAN, None, 1, 1, 1, 1),
        st.integers(1, 4),
        st.integers(0, 90),
    ),
    max_size=4,
)


@given(_BLOCKS, _ROWS)
def test_of_each_device_the_reading_that_happened_last_is_found(
    blocks: list[ReadingBlock], rows: list[ReadingRow]
) -> None:
    readings = Readings()
    readings.blocks += blocks
    readings.rows += rows
    newest: dict[int, datetime] = {}
    for row in readings:
        newest[row.device_key] = max(row.occurred_at, newest.get(row.device_key, row.occurred_at))
    found = readings.latest()
    assert {key: row.occurred_at for key, row in found.items()} == newest
    kept = {(row.device_key, row.occurred_at, row.temperature_celsius) for row in readings}
    assert {(row.device_key, row.occurred_at, row.temperature_celsius) for row in found.values()} <= kept


@given(_BLOCKS)
def test_a_blocks_times_are_in_every_slot_that_holds_one_of_its_readings(blocks: list[ReadingBlock]) -> None:
    for block in blocks:
        marked = {_slot(at) for at in block.times()}
        assert {_slot(row.occurred_at) for row in block} <= marked


def _slot(at: datetime) -> int:
    return (at - _BEGAN) // timedelta(microseconds=1) // _SLOT_US
