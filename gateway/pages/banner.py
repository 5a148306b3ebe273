"""The banner: what is offline, since when, and what still works; on every page, as wide as the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from gateway.pages.translations import N_
from gateway.pages.view import Scene
from gateway.services import reads_operations

DATA_OLD_AFTER: Final = timedelta(minutes=3)
"""Thermometers are read every 10 s: 18 readings in a row are missing by then."""


@dataclass(frozen=True)
class Notice:
    """One line of the banner."""

    mood: str
    text: str
    """Translated already."""
    detail: str = ""
    """A technical reason in English, as the device's driver gave it."""


def banner_of(drivers: tuple[str, ...], *, with_data_age: bool = False) -> Any:  # noqa: ANN401 - a FragmentReader
    """The banner's reader for a page that depends on these drivers."""

    def read(scene: Scene, _argument: str) -> Mapping[str, Any]:
        notices = [*_nodes_down(scene), *_devices_down(scene, drivers)]
        if with_data_age:
            notices += _data_old(scene)
        return {"notices": notices}

    return read


def _nodes_down(scene: Scene) -> list[Notice]:
    t = scene.speech
    return [
        Notice(
            "stop",
            t.text(
                N_(
                    "Edge node %(node)s has been offline since %(since)s. What happens there is kept and arrives later."
                ),
                node=node.edge_node,
                since=t.since(node.last_heard_at or node.first_seen_at, scene.now),
            ),
        )
        for node in reads_operations.edge_nodes(scene.connection)
        if node.state == "down"
    ]


def _devices_down(scene: Scene, drivers: tuple[str, ...]) -> list[Notice]:
    t = scene.speech
    return [
        Notice(
            "attention",
            t.text(
                N_(
                    "Device %(device)s has not worked since %(since)s. Check its cable and power; it returns by itself."
                ),
                device=device.description or device.device_id,
                since=t.since(device.state_changed_at, scene.now) if device.state_changed_at else "?",
            ),
            device.state_reason,
        )
        for device in reads_operations.devices_down(scene.connection, drivers)
    ]


def _data_old(scene: Scene) -> list[Notice]:
    t = scene.speech
    newest = reads_operations.last_reading_received_at(scene.connection)
    if newest is None or scene.now - newest <= DATA_OLD_AFTER:
        return []
    text = N_(
        "No new temperature has come in since %(since)s. The values below are old: look at the fridges themselves."
    )
    return [Notice("stop", t.text(text, since=t.since(newest, scene.now)))]
