"""A live page as data: its fragments, who it is for, and which fragments an event touches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

from gateway.api.web import Web
from gateway.pages.speech import Speech
from gateway.people.people import Reading
from gateway.people.person import Reader
from gateway.services.app_services import DbConnection, LiveEventLike
from gateway.services.roles import Role
from gateway.services.sessions import SignedIn

BANNER: Final = "banner"


@dataclass(frozen=True)
class Scene:
    """What a fragment is rendered from: one person, one language, one moment, one database connection."""

    web: Web
    connection: DbConnection
    person: SignedIn
    speech: Speech
    now: datetime
    place_id: str | None = None
    """Only what happens here; None: everywhere."""

    @property
    def _where(self) -> str:
        return f"live {self.place_id}" if self.place_id else "live"

    def reading(self, purpose: str) -> Reading:
        """People, as this person reads them on a page that stays open: each is written down once an hour."""
        return Reading(self.web.services.people, Reader(self.person.username, purpose, source=self._where, live=True))


FragmentReader = Callable[[Scene, str], Mapping[str, Any]]
"""Reads what the fragment's template shows. The second argument is what stands behind the colon of the name."""


@dataclass(frozen=True)
class View:
    """One live page."""

    audience: str
    """As in table `live_event`."""
    path: str
    """Where the page is."""
    template: str
    roles: frozenset[Role]
    fragments: Mapping[str, FragmentReader]
    """By name; the template of `places` is `fragments/places.html`, its root element has the id `places`."""
    touched: Callable[[LiveEventLike], Sequence[str]]
    """Names of the fragments that an event changes, the most urgent first. `place:17` is fragment `place` of 17."""
    name: str = ""
    """Of its stream, where an audience has several pages; empty: the audience's."""

    @property
    def stream(self) -> str:
        """Address of its events."""
        return f"/live/{self.name or self.audience}"

    def render(self, scene: Scene, name: str) -> Markup:
        """One fragment."""
        base, _, argument = name.partition(":")
        values = self.fragments[base](scene, argument)
        context = {"person": scene.person, "now": scene.now, "path": self.path, "view": self, **values}
        # The template engine has escaped every value already.
        return Markup(scene.web.render(f"fragments/{base}.html", scene.speech, context))  # noqa: S704 - see above

    def render_all(self, scene: Scene) -> dict[str, Markup]:
        """Every fragment that stands on the page by itself."""
        return {name: self.render(scene, name) for name in self.fragments if name not in PARTS}


PARTS: Final = frozenset({"place", "wall_tile"})
"""Fragments that are a part of another one and are only sent alone."""


def in_order(names: Iterator[str]) -> list[str]:
    """Each name once, in the order of its first coming."""
    return list(dict.fromkeys(names))
