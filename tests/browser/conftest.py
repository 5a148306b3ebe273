"""A simulated hospital with something to see, and headless Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from medtap.demo.hospital import SimulatedHospital
from medtap.services.directories import OwnedDirectory
from tests.browser.take_screenshots import CHROMIUM, CHROMIUM_ARGUMENTS, playing_hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[SimulatedHospital]:
    """Visits, movements, tags on a shelf and an alarm have happened."""
    directory = OwnedDirectory("medtap-browser-")
    try:
        with playing_hospital(directory.path) as playing:
            yield playing
    finally:
        directory.remove()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by playwright."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Debian's chromium is not installed: apt install chromium")
    expect.set_options(
        timeout=60_000
    )  # milliseconds; on a busy machine a tap takes longer than the five seconds of old
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()
