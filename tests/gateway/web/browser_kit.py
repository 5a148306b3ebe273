"""What tests under a real browser share: Debian's Chromium, a signed-in pharmacist's context, a scanner's burst."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.take_screenshots import CHROMIUM, CHROMIUM_ARGUMENTS

WORLD = Any
PATIENCE_MS: Final = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Debian's chromium is not installed: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


def context_of(browser: Browser, world: WORLD, person: httpx.Client, **options: Any) -> BrowserContext:  # noqa: ANN401 - Playwright's
    """A browser in which this person is signed in."""
    context = browser.new_context(locale="vi-VN", **options)
    context.add_cookies(
        [{"name": cookie.name, "value": cookie.value or "", "url": world.address} for cookie in person.cookies.jar]
    )
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return context


def opened(page: Page, address: str) -> None:
    """Until its script is ready for scans."""
    page.goto(address)
    page.wait_for_selector("body[data-ready]")


def scan(page: Page, text: str) -> None:
    """As a wedge types it: one burst without pauses, GS as Ctrl and ], Enter at the end."""
    page.evaluate(
        """(text) => {
          for (const each of text + "\\n") {
            const target = document.activeElement;
            const key = each === "\\n" ? "Enter" : each === "\\u001d" ? "]" : each;
            const event = new KeyboardEvent("keydown",
              { key, ctrlKey: each === "\\u001d", bubbles: true, cancelable: true });
            const goes = target.dispatchEvent(event);
            if (goes && key.length === 1 && "value" in target && target.tagName === "INPUT") {
              if (target.type === "number" && !/[0-9]/.test(key)) continue;
              target.value += key;
            }
          }
        }""",
        text,
    )
