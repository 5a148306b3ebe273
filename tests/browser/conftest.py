"""A simulated hospital with something to see, and headless Chromium."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from medtap.demo.hospital import SimulatedHospital
from tests.browser.take_screenshots import CHROMIUM, CHROMIUM_ARGUMENTS, playing_hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[SimulatedHospital]:
    """Visits, movements, tags on a shelf and an alarm have happened."""
    directory = Path(mkdtemp(prefix="medtap-browser-"))
    try:
        with playing_hospital(directory) as playing:
            yield playing
    finally:
        shutil.rmtree(directory, ignore_errors=True)


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
