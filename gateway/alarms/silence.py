"""Who is silent: edge nodes and their thermometers, told apart from a gateway that did not listen. Pure.

A node that is silent is one outage that lists its thermometers; its thermometers are no conditions of their own. What
was not heard while nobody listened is no silence: time counts from when the gateway began to listen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class SensorSeen:
    """A device that is expected to speak."""

    device_key: int
    device_id: str
    node: str
    """`site/edge_node`."""
    place_id: str | None
    is_thermometer: bool
    is_watched: bool
    """It stands where a rule watches."""
    last_at: datetime | None
    """Newest reading, by event time; None: never one. Of a contact, None always: it speaks when it changes."""
    down_since: datetime | None
    """Since when its driver says that it can't be read; None: it can."""
    reason: str
    """What its driver says of that."""
    allowed: timedelta
    """Silence that is not told yet."""


@dataclass(frozen=True)
class NodeSeen:
    """An edge node."""

    node: str
    is_down: bool
    """The broker or the node itself has said that it is gone."""
    since: datetime | None
    """Of its state."""
    last_heard_at: datetime | None
    allowed: timedelta


@dataclass(frozen=True)
class SilentNode:
    """A node that is not heard."""

    node: NodeSeen
    since: datetime
    devices: tuple[SensorSeen, ...]
    """Thermometers and contacts that nobody hears with it."""

    @property
    def is_critical(self) -> bool:
        """Whether a watched place is not watched by it any more."""
        return any(device.is_watched for device in self.devices)


@dataclass(frozen=True)
class SilentSensor:
    """A device of a node that is heard."""

    sensor: SensorSeen
    since: datetime
    is_alone: bool
    """No other thermometer speaks in its place."""


@dataclass(frozen=True)
class Silence:
    """What is silent now, and what is heard."""

    nodes: tuple[SilentNode, ...]
    sensors: tuple[SilentSensor, ...]
    heard_nodes: frozenset[str]
    heard_sensors: frozenset[int]
    """Whoever is in neither (a thermometer of a silent node; silent while nobody listened) is as it was known."""


def judge_silence(
    nodes: Sequence[NodeSeen], sensors: Sequence[SensorSeen], listening_since: datetime, now: datetime
) -> Silence:
    """Judge by what was heard since `listening_since`, when the gateway began to listen without a break."""

    def silent_since(last: datetime | None, allowed: timedelta) -> datetime | None:
        since = listening_since if last is None else max(last, listening_since)
        return since if now - since >= allowed else None

    of_node: dict[str, list[SensorSeen]] = {}
    for sensor in sensors:
        of_node.setdefault(sensor.node, []).append(sensor)
    silent_nodes: list[SilentNode] = []
    for node in nodes:
        mine = tuple(of_node.get(node.node, ()))
        since = _node_silent_since(node, mine, silent_since)
        if since is not None:
            silent_nodes.append(SilentNode(node, since, mine))
    gone = {each.node.node for each in silent_nodes}
    quiet = {
        sensor.device_key: since
        for sensor in sensors
        if sensor.node not in gone and (since := _sensor_silent_since(sensor, silent_since)) is not None
    }
    speaking = {
        sensor.place_id
        for sensor in sensors
        if sensor.is_thermometer and sensor.node not in gone and sensor.device_key not in quiet
    }

    def is_heard(sensor: SensorSeen) -> bool:
        if not sensor.is_thermometer:
            return sensor.down_since is None
        return sensor.last_at is not None and now - sensor.last_at < sensor.allowed

    def node_is_heard(node: NodeSeen) -> bool:
        measuring = [each for each in of_node.get(node.node, ()) if each.is_thermometer and each.down_since is None]
        return not node.is_down and (not measuring or any(is_heard(each) for each in measuring))

    return Silence(
        tuple(silent_nodes),
        tuple(
            SilentSensor(sensor, quiet[sensor.device_key], sensor.place_id not in speaking)
            for sensor in sensors
            if sensor.device_key in quiet
        ),
        frozenset(node.node for node in nodes if node.node not in gone and node_is_heard(node)),
        frozenset(sensor.device_key for sensor in sensors if sensor.node not in gone and is_heard(sensor)),
    )


_Since = Callable[[datetime | None, timedelta], datetime | None]


def _node_silent_since(node: NodeSeen, sensors: Sequence[SensorSeen], silent_since: _Since) -> datetime | None:
    if node.is_down:
        return silent_since(node.since, node.allowed)
    # The broker has not missed it (a half-open link, or it was the broker that died): all that measures is silent.
    measuring = [each for each in sensors if each.is_thermometer and each.down_since is None]
    if not measuring or node.last_heard_at is None:
        return None
    if any(silent_since(each.last_at, each.allowed) is None for each in measuring):
        return None
    return silent_since(node.last_heard_at, node.allowed)


def _sensor_silent_since(sensor: SensorSeen, silent_since: _Since) -> datetime | None:
    if not sensor.is_thermometer:
        return None if sensor.down_since is None else silent_since(sensor.down_since, sensor.allowed)
    return silent_since(sensor.last_at, sensor.allowed)
