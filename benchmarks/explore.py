"""A finished run explored in Chromium: how long a person waits, and steps at random.

Run by ``make bench-explore``: python -m benchmarks.explore RUN [--answers FILE] [--steps 200] [--seed 0]
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from tests.explore.browsing import chromium, explore_command, opened, wander

if TYPE_CHECKING:
    from playwright.sync_api import Page

_TITLES = ("road trip", "party", "sleep", "gym", "rock")
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> None:
    """Print the median wait for each thing that is waited for, and what the console complained of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    answers = [] if options.answers is None else ["--answers", str(options.answers)]
    with (
        explore_command(options.run, *answers) as (address, _),
        chromium() as browser,
        opened(browser, address, permissions=["clipboard-write"]) as (page, complaints),
    ):
        measure(page)
        done = Counter(wander(page, options.steps, options.seed))
        print(f"{done.total()} steps: " + ", ".join(f"{name} {count}" for name, count in done.most_common()))
        print(f"complaints of the console and requests to elsewhere: {complaints or 'none'}")


def measure(page: Page) -> None:
    """Measure what a person waits for; every title and name is asked for the first time."""
    for path in ("/", "/playlists", "/run"):
        tell(f"first paint of {path}", (first_paint(page, path) for _ in range(5)))
    continued = [page.request.get(f"/?title={title}").text() for title in _TITLES]
    whys = [re.findall(r'href="(/why[^"]*)"', each)[0] for each in continued]
    tell("a title until the next 50 are here", (seconds_of(page, f"/?title={each} mix") for each in _TITLES))
    tell("a reason", (seconds_of(page, unescape(each)) for each in whys))
    tell("a name that is misspelt", (seconds_of(page, f"/?words=lvoe {each}") for each in _TITLES))
    page.goto("/?words=a")
    tell("a click on Add until the next 50 are seen", (adding(page, count) for count in range(1, 6)))


def first_paint(page: Page, path: str) -> float:
    """Seconds from asking for a page until something of it is seen, by the browser's own clock."""
    page.goto(path)
    while (milliseconds := page.evaluate(_PAINT)) is None:
        page.wait_for_timeout(10)
    return float(milliseconds) / 1000


def seconds_of(page: Page, path: str) -> float:
    """Seconds until a page has come, not yet drawn."""
    return _seconds(lambda: page.request.get(path))


def adding(page: Page, count: int) -> float:
    """Seconds from a click, which adds track number ``count``, until the page shows what follows."""
    link = page.locator("#found [data-add]").first

    def add() -> None:
        link.click()
        page.locator("#said", has_text=f"with {count} track").wait_for()

    return _seconds(add)


def tell(what: str, waits: Iterable[float]) -> None:
    """Print the median and the longest of some waits in seconds."""
    found = list(waits)
    print(f"{what}: median {statistics.median(found):.3f} s, longest {max(found):.3f} s")


def _seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
