"""Who is silent, told apart from a gateway that did not listen. Pure."""

from datetime import UTC, datetime, timedelta

from gateway.alarms.silence import NodeSeen, SensorSeen, Silence, judge_silence

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def node(name: str = "demo/store-1", *, heard: datetime | None = NOW, down_since: datetime | None = None) -> NodeSeen:
    return NodeSeen(name, down_since is not None, down_since, heard, timedelta(minutes=3))


def sensor(key: int, last: datetime | None, *, name: str = "demo/store-1", place: str = "fridge-1") -> SensorSeen:
    return SensorSeen(
        *(key, f"probe-{key}", name, place),
        is_thermometer=True,
        is_watched=True,
        last_at=last,
        down_since=None,
        reason="",
        allowed=timedelta(minutes=10),
    )


def judge(nodes: list[NodeSeen], sensors: list[SensorSeen], listening_since: datetime = LONG_AGO) -> Silence:
    return judge_silence(nodes, sensors, listening_since, NOW)


def test_a_dead_node_is_one_outage_that_lists_its_thermometers() -> None:
    twenty = [sensor(key, ago(30), place=f"fridge-{key}") for key in range(20)]
    found = judge([node(heard=ago(30), down_since=ago(30))], twenty)
    assert [(each.node.node, each.since, len(each.devices), each.is_critical) for each in found.nodes] == [
        ("demo/store-1", ago(30), 20, True)
    ]
    assert found.sensors == ()
    assert found.heard_sensors == frozenset()


def test_a_node_that_is_gone_for_less_than_a_restart_takes_is_not_told() -> None:
    assert judge([node(heard=ago(2), down_since=ago(2))], [sensor(1, ago(2))]).nodes == ()


def test_a_node_that_the_broker_has_not_missed_is_silent_when_all_that_measures_is() -> None:
    quiet = [sensor(1, ago(20)), sensor(2, ago(15))]
    assert [each.since for each in judge([node(heard=ago(15))], quiet).nodes] == [ago(15)]
    one_speaks = judge([node()], [sensor(1, ago(20)), sensor(2, ago(1))])
    assert one_speaks.nodes == ()
    assert [(each.sensor.device_key, each.is_alone) for each in one_speaks.sensors] == [(1, False)]


def test_the_only_thermometer_of_a_place_is_missed_more_than_one_of_two() -> None:
    found = judge([node()], [sensor(1, ago(20)), sensor(2, NOW, place="fridge-2")])
    assert [(each.sensor.device_key, each.is_alone) for each in found.sensors] == [(1, True)]
    assert found.heard_sensors == {2}


def test_after_the_gateway_itself_was_away_nobody_is_silent_yet() -> None:
    nodes = [node(heard=ago(600), down_since=ago(600))]
    sensors = [sensor(key, ago(600)) for key in range(20)]
    assert judge(nodes, sensors, listening_since=ago(1)) == Silence((), (), frozenset(), frozenset())
    assert judge(nodes, sensors, listening_since=ago(4)).nodes[0].since == ago(4)


def test_a_thermometer_that_never_spoke_is_missed_from_when_it_is_listened_for() -> None:
    found = judge([node()], [sensor(1, None), sensor(2, NOW, place="fridge-2")], listening_since=ago(11))
    assert [(each.sensor.device_key, each.since) for each in found.sensors] == [(1, ago(11))]


def test_a_contact_speaks_when_it_changes_and_is_missed_when_its_driver_says_so() -> None:
    def contact(down_since: datetime | None) -> SensorSeen:
        return SensorSeen(
            *(9, "door", "demo/store-1", "fridge-1"),
            is_thermometer=False,
            is_watched=False,
            last_at=None,
            down_since=down_since,
            reason="no answer",
            allowed=timedelta(minutes=10),
        )

    assert judge([node()], [contact(None), sensor(1, NOW)]).sensors == ()
    assert len(judge([node()], [contact(ago(11)), sensor(1, NOW)]).sensors) == 1
