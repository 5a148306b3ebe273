"""Makes the README's screenshots: a simulated hospital, headless Chromium, one picture of each page.

    python tests/browser/take_screenshots.py [--out screenshots]

Each page is taken as its user sees it, in Vietnamese and at the size of their screen, while the world plays.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from medtap.demo.hospital import HospitalOptions, SimulatedHospital
from medtap.demo.webhook_receiver import WebhookReceiver

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Shot:
    """One picture: whose page, at what size."""

    name: str
    username: str
    path: str
    size: ViewportSize
    dark: bool = False
    typed: str = ""
    """Into the field that has the focus, then Enter."""


SHOTS = (
    Shot("desk", "clerk", "/desk", ViewportSize(width=1280, height=800)),
    Shot("pharmacy", "pharmacist", "/pharmacy", ViewportSize(width=1280, height=800)),
    Shot("receive", "pharmacist", "/work/receive", ViewportSize(width=1280, height=1000)),
    Shot("on-call", "oncall", "/on-call", ViewportSize(width=1280, height=900), dark=True),
    Shot("walk-in", "clerk", "/desk/walk-in", ViewportSize(width=1280, height=900), typed="nguyen"),
    Shot("wall", "oncall", "/on-call/wall", ViewportSize(width=1920, height=1080), dark=True),
    Shot("on-call-phone", "oncall", "/i/{incident_number}", ViewportSize(width=412, height=915), dark=True),
)


@contextmanager
def playing_hospital(directory: Path) -> Iterator[SimulatedHospital]:
    """A hospital with something to see on each page: visits, movements, tags on a shelf, an alarm."""
    with WebhookReceiver() as pager:
        hospital = SimulatedHospital(
            HospitalOptions(directory, seed=7, autoplay=False, webhook_url=pager.url, alarm_after_s=5)
        )
        try:
            hospital.start()
            _play(hospital)
            yield hospital
        finally:
            hospital.stop()


def _play(hospital: SimulatedHospital) -> None:
    control = hospital.control
    control.do(do="warm", fridge=hospital.world["fridges"][0]["fridge_id"], celsius=12.0)
    for pack in range(6):
        control.do(do="scan", scanner="receiving", pack=pack)
        control.do(do="uhf_put", pack=pack)
        time.sleep(0.4)
    for patient in range(4):
        control.do(do="tap", patient=patient)
        time.sleep(1.5)
    control.do(do="scan", scanner="issue", pack=2)
    control.do(do="scan", scanner="receiving", pack=7)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with psycopg.connect(hospital.dsn) as connection:
            if connection.execute("SELECT count(*) FROM alarm").fetchone() == (1,):
                return
        time.sleep(0.3)
    raise RuntimeError("the warm fridge raised no alarm within 60 s")


def address_of(hospital: SimulatedHospital, shot: Shot) -> str:
    """Where its page is; `{incident_number}` in its path stands for the first incident."""
    number = _incident_number(hospital) if "{" in shot.path else 0
    return hospital.http_url + shot.path.format(incident_number=number)


def _incident_number(hospital: SimulatedHospital) -> int:
    with psycopg.connect(hospital.dsn) as connection:
        row = connection.execute("SELECT incident_number FROM incident ORDER BY opened_at LIMIT 1").fetchone()
    if row is None:
        raise RuntimeError("there is no incident to be shown")
    return int(row[0])


def signed_in_page(browser: Browser, hospital: SimulatedHospital, shot: Shot) -> Page:
    """A page of that person, signed in through the one-time link as a person would: open it, press the button."""
    context = browser.new_context(
        viewport=shot.size,
        color_scheme="dark" if shot.dark else "light",
        locale="vi-VN",
        timezone_id="Asia/Ho_Chi_Minh",
    )
    page = context.new_page()
    page.goto(hospital.sign_in_links[shot.username])
    page.locator('form[action="/enter"] button').click()
    page.wait_for_load_state()
    return page


def take(hospital: SimulatedHospital, directory: Path) -> list[str]:
    """Take every picture; return what the browser's consoles complained about."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        pages: dict[str, Page] = {}
        for shot in SHOTS:
            page = pages.get(shot.username) or signed_in_page(browser, hospital, shot)
            pages[shot.username] = page
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.set_viewport_size(shot.size)
            page.goto(address_of(hospital, shot))
            page.wait_for_timeout(1500)
            if shot.typed:
                page.keyboard.type(shot.typed)
                page.keyboard.press("Enter")
                page.wait_for_timeout(1500)
            page.screenshot(path=directory / f"{shot.name}.png")
        browser.close()
    return complaints


def main() -> None:
    """Take the README's pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "screenshots")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="medtap-shots-") as directory,
        playing_hospital(Path(directory)) as hospital,
    ):
        complaints = take(hospital, out)
    sys.exit("\n".join(complaints) if complaints else 0)


if __name__ == "__main__":
    main()
