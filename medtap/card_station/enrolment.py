"""A station's place at its gateway: the one-time link is exchanged for a token, which is kept in a file of its own."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

_TIMEOUT_S: Final = 30.0
_API: Final = "/api/v1/card-station"


class StationError(Exception):
    """The station can't work so: the message says why, and what mends it."""


@dataclass(frozen=True)
class Enrolment:
    """What a station keeps. The token is a secret."""

    gateway: str
    station_id: str
    name: str
    token: str

    def __repr__(self) -> str:
        """Without the token."""
        return f"Enrolment({self.gateway!r}, {self.name!r})"

    @property
    def websocket(self) -> str:
        """Where APDUs are passed."""
        scheme, _, rest = self.gateway.partition("://")
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}{_API}/relay"

    @property
    def headers(self) -> dict[str, str]:
        """What lets it in."""
        return {"Authorization": f"Bearer {self.token}"}


def enrol(gateway: str, link: str, file: Path) -> Enrolment:
    """Exchange the link, and keep the token; the file is for its owner's eyes only.

    Raises:
        StationError: the gateway can't be reached or refuses, or the file can't be written.
    """
    parts = urlsplit(link)
    secret = parts.fragment or link
    address = (gateway or f"{parts.scheme}://{parts.netloc}").rstrip("/")
    if urlsplit(address).scheme not in {"http", "https"}:
        raise StationError(f"gateway {address!r}: expected its address, such as https://medtap.hospital.lan")
    answer = _ask(address, "POST", f"{_API}/enrol", secret)
    enrolment = Enrolment(address, answer["station_id"], answer["name"], answer["token"])
    _write(file, enrolment)
    return enrolment


def read_enrolment(file: Path) -> Enrolment:
    """What was kept.

    Raises:
        StationError: nothing, or something else.
    """
    try:
        return Enrolment(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise StationError(
            f"{file}: this station is not enrolled; make a one-time link at the gateway (Cards, Stations), then run "
            "medtap card station run --link LINK"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise StationError(f"{file}: not a station's file: {error}; enrol anew with a one-time link") from None


def ask(enrolment: Enrolment, method: str, path: str) -> dict[str, Any]:
    """One request of the station's API.

    Raises:
        StationError: the gateway can't be reached, or refuses.
    """
    return _ask(enrolment.gateway, method, _API + path, enrolment.token)


def _ask(gateway: str, method: str, path: str, secret: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {secret}", "Accept-Language": "en"}
    try:
        answer = httpx.request(method, gateway + path, headers=headers, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise StationError(f"{gateway} can't be reached: {error}; is the gateway running?") from None
    try:
        body = answer.json()
    except ValueError:
        raise StationError(f"{gateway}{path} answers {answer.status_code}, and not as a gateway does") from None
    if answer.is_error:
        raise StationError(f"the gateway refuses: {body.get('detail', answer.status_code)}")
    if not isinstance(body, dict):
        raise StationError(f"{gateway}{path} does not answer as a gateway does")
    return body


def _write(file: Path, enrolment: Enrolment) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=file.name, dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump(asdict(enrolment), out)
        Path(name).replace(file)
    except OSError as error:
        raise StationError(f"{file} can't be written: {error}; ask for a new link, this one is used") from None
