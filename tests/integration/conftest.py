"""A simulated hospital that a test plays with: all processes real, only the silicon simulated."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from medtap.demo.hospital import HospitalOptions, SimulatedHospital
from medtap.demo.webhook_receiver import WebhookReceiver
from medtap.services.directories import OwnedDirectory


@dataclass(frozen=True)
class Play:
    """A running hospital, its pager's receiver, and what a test asks of them."""

    hospital: SimulatedHospital
    pager: WebhookReceiver

    def do(self, verb: str, **arguments: object) -> dict[str, Any]:
        """Make something happen in the simulated world; refuses a reply that is not ok."""
        reply = dict(self.hospital.control.do(do=verb, **arguments))
        assert reply.get("ok"), reply
        return reply

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a query on the gateway's database."""
        with psycopg.connect(self.hospital.dsn) as connection:
            return connection.execute(query, parameters).fetchall()

    def value(self, query: str, *parameters: object) -> Any:  # noqa: ANN401 - whatever the database holds
        """First column of the first row."""
        return self.rows(query, *parameters)[0][0]

    def eventually(self, query: str, expected: object, *parameters: object, timeout_s: float = 60.0) -> None:
        """Wait until the query's first value is the expected one."""
        deadline = time.monotonic() + timeout_s
        found: object = None
        while time.monotonic() < deadline:
            rows = self.rows(query, *parameters)
            found = rows[0][0] if rows else None
            if found == expected:
                return
            time.sleep(0.05)
        raise AssertionError(f"{query} {parameters}: expected {expected!r} within {timeout_s} s, got {found!r}")

    @contextmanager
    def signed_in(self, username: str) -> Iterator[httpx.Client]:
        """A browser of that person, signed in through the one-time link that the demo prints."""
        link = httpx.URL(self.hospital.sign_in_links[username])
        with httpx.Client(base_url=self.hospital.http_url, headers={"Origin": self.hospital.http_url}) as client:
            reply = client.post(link.path, data={"token": link.params["token"]})
            assert reply.status_code == httpx.codes.SEE_OTHER, reply.text
            client.headers["X-CSRF-Token"] = client.get("/api/v1/session").raise_for_status().json()["csrf_token"]
            yield client


@contextmanager
def running_hospital(*, autoplay: bool = False, seed: int = 1, **more: Any) -> Iterator[Play]:  # noqa: ANN401 - options
    """Start a hospital in a directory of its own; everything is gone afterwards."""
    directory = OwnedDirectory("medtap-test-")
    with WebhookReceiver() as pager:
        options = HospitalOptions(
            directory.path, seed=seed, autoplay=autoplay, webhook_url=pager.url, alarm_after_s=4, **more
        )
        hospital = SimulatedHospital(options)
        try:
            hospital.start()
            yield Play(hospital, pager)
        finally:
            hospital.stop()
            directory.remove()


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """One hospital for the tests of a module, in which nothing happens by itself."""
    with running_hospital() as running:
        yield running


@pytest.fixture
def hospital_on_its_own() -> Callable[..., Any]:
    """Start another hospital: a context manager."""
    return running_hospital
