"""`medtap bench alarm` on real parts, as short as it can be."""

import pytest

from medtap.bench.alarm import AlarmOptions, measure_alarms

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_an_alarm_is_timed_from_the_maturing_reading_to_the_channel_under_load() -> None:
    figures = measure_alarms(AlarmOptions(alarms=5, sensors_per_minute=12_000))
    assert figures["n"] == 5
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert figures["raw_p50_ms"] > 0
    assert figures["load_stored_per_s"] > 0
