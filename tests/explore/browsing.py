"""A run explored as a person does: the command beside, and Chromium driven by keys and clicks."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

CHROMIUM: Final = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
"""An installed browser; None where there is none."""
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 360, "height": 700}, "is_mobile": True, "has_touch": True
}  # fmt: skip
PAGES: Final = ("/", "/?title=love&words=a", "/playlists", "/run")


@contextmanager
def explore_command(run: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run ``challenge explore``; give its address and process, which is stopped by Ctrl-C in the end."""
    command = [sys.executable, "-m", "challenge", "explore", str(run), "--no-browser", "--quiet", *options]
    # Tests in the background of a script are started deaf to Ctrl-C, and so would be what they start.
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env=os.environ | {"COLUMNS": "300"},
    ) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        address = re.match(r"(http://127\.0\.0\.1:\d+)/ ", told)
        if address is None:
            process.kill()
            raise AssertionError(f"no address in {told!r}: {process.communicate()[1]}")
        try:
            yield address[1], process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the installed browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Containers often forbid what the browser's own sandbox needs; only our own pages are opened.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, address: str, **how: Any) -> Iterator[tuple[Page, list[str]]]:
    """Open a page; with it goes a list of what the console complains of and of requests to elsewhere."""
    complaints: list[str] = []
    context = browser.new_context(base_url=address, **how)
    page = context.new_page()
    page.set_default_timeout(30_000)

    def heed(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    page.on("console", heed)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on(
        "request",
        lambda request: None if request.url.startswith(f"{address}/") else complaints.append(request.url),
    )
    try:
        page.goto("/")
        yield page, complaints
    finally:
        context.close()


NAMED: Final = frozenset(
    (
        *("heading", "image", "navigation", "region", "table", "columnheader", "rowheader"),
        *("button", "checkbox", "combobox", "link", "searchbox", "textbox", "DisclosureTriangle"),
    )
)
"""Roles of what a screen reader has to call by some name."""


def _spoken(page: Page) -> list[dict[str, Any]]:
    client = page.context.new_cdp_session(page)
    client.send("Accessibility.enable")
    return [each for each in client.send("Accessibility.getFullAXTree")["nodes"] if not each.get("ignored")]


def spoken_names(page: Page, role: str) -> list[str]:
    """What a screen reader is told that the things of a role are called, in order."""
    return [each["name"]["value"] for each in _spoken(page) if each["role"]["value"] == role]


def spoken_faults(page: Page) -> list[str]:
    """Tell what of a page a screen reader cannot name or find its way by, as Chromium describes it to one."""
    nodes = _spoken(page)
    roles = [each["role"]["value"] for each in nodes]
    faults, level = [], 0
    for node, role in zip(nodes, roles, strict=True):
        name = node.get("name", {}).get("value", "").strip()
        if role in NAMED and not name:
            faults.append(f"{role} without a name")
        if role == "image" and not node.get("description", {}).get("value"):
            faults.append(f"image {name!r} without a description")
        if role == "heading":
            before, level = (
                level,
                next(p["value"]["value"] for p in node["properties"] if p["name"] == "level"),
            )
            if level > before + 1:
                faults.append(f"heading {name!r} of level {level} below one of level {before}")
    faults += [f"{roles.count(one)} of role {one}" for one in ("main",) if roles.count(one) != 1]
    headings = page.get_by_role("heading", level=1).count()
    return faults + ([] if headings == 1 else [f"{headings} headings of level 1"])


def wander(page: Page, steps: int, seed: int = 0) -> list[str]:
    """Do as a person would, ``steps`` times, at random; return what was done."""
    rng, done = random.Random(seed), []
    for _ in range(steps):
        actions = [name for name, selector in ACTIONS.items() if page.locator(selector).count()]
        # On the first page there is most to do, so other pages are gone to less often.
        (name,) = rng.choices(actions, [1 if name == "go to a page" else 4 for name in actions])
        places = page.locator(ACTIONS[name])
        place = places.nth(rng.randrange(min(places.count(), 12)))
        done.append(name)
        if name in ("title", "words"):
            place.click()
            place.fill("")
            place.press_sequentially(rng.choice(["love", "raod trip", "a", "the", "rock 80s", ""]), delay=5)
            if rng.random() < 0.5:
                place.press("Enter")
        elif name == "category":
            place.select_option(index=rng.randrange(11))
        else:
            place.click()
        page.wait_for_load_state("networkidle")
        page.locator("h1").first.wait_for()
    return done


ACTIONS: Final = {
    "title": "#title",
    "words": "#words",
    "shuffled": "[name=shuffled]",
    "add what was found": "#found [data-add]",
    "add what comes next": "#next [data-add]",
    "why": "#next [data-why]",
    "up": "#draft [data-up]",
    "remove": "#draft [data-remove]",
    "copy": "[data-copy=uris]",
    "copy all": "[data-copy=all-uris]",
    "go to a page": "nav a",
    "category": "#category",
    "show": ".filters button",
    "open a playlist": "main table a",
    "try a playlist": "a.button:has-text('Try it')",
}
"""What a person may do, by where it is done."""
