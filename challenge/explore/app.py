"""The pages: which address shows what. All is asked by GET, so every address can be kept and sent on."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final

from jinja2 import PackageLoader, StrictUndefined, Template
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from challenge.errors import ChallengeError, ConfigError, MissingInputError
from challenge.evaluation.variants import METRICS
from challenge.explore.challenge_playlists import ORDERS
from challenge.explore.draft import Draft, track_id
from challenge.explore.explorer import Explorer, is_link
from challenge.playlist import reason_lines
from challenge.report.charts import TITLES
from challenge.report.page import read_run, render_page, templates
from challenge.search import Found
from challenge.types import LIST_LENGTH, Category

HOSTS: Final = ("127.0.0.1", "localhost")
"""Names by which a browser may ask: a page of another name could otherwise read this one's answers."""
_POLICY: Final = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PER_PAGE: Final = 50
_SHOWN: Final = 100
"""Tracks shown of a challenge playlist's continuation unless all are asked for."""


def make_app(explorer: Explorer) -> Starlette:
    """Put the pages of one run together."""
    pages = _Pages(explorer)
    return Starlette(
        routes=[
            Route("/", pages.continue_draft),
            Route("/why", pages.why),
            Route("/playlists", pages.playlists),
            Route("/playlists/{pid:int}", pages.playlist),
            Route("/run", pages.run),
            Mount("/static", StaticFiles(packages=[("challenge.explore", "static")])),
        ],
        middleware=[
            Middleware(_WithHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS), www_redirect=False),
        ],
        exception_handlers={ChallengeError: pages.refused, HTTPException: pages.refused},
    )


class _WithHeaders:
    """Adds to each answer what a browser may do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _Pages:
    """A method for each page; Starlette calls them in threads of their own."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._environment = templates(PackageLoader("challenge.explore", "templates"))
        self._environment.undefined = StrictUndefined
        self._environment.filters["track_id"] = track_id
        self._environment.globals.update(run_name=explorer.run.resolve().name, titles=TITLES, metrics=METRICS)

    def continue_draft(self, request: Request) -> Response:
        """Search tracks, put a playlist together, and see how it goes on."""
        draft, explorer = Draft.of_address(request.query_params), self._explorer
        # Who begins sees what there is: of a sample or a part of the MPD nobody knows a name.
        found = explorer.find(draft.words) if draft.words else explorer.popular() if draft.is_empty else []
        return self._page(
            "continue",
            draft=draft,
            tracks=explorer.described(draft.tracks),
            found=found,
            heading=_heading(draft, found),
            recommended=explorer.recommended(draft),
            title_known=explorer.knows_title(draft),
        )

    def why(self, request: Request) -> Response:
        """Tell why one track is recommended."""
        draft = Draft.of_address(request.query_params)
        track = self._explorer.reason(draft, request.query_params.get("track", ""))
        return self._page("why", draft=draft, track=track, lines=reason_lines(track))

    def playlists(self, request: Request) -> Response:
        """List the playlists of the challenge."""
        given, challenge = request.query_params, self._explorer.challenge
        orders: Sequence[str] = ORDERS if challenge.scored else ("pid",)
        chosen = {
            "category": given.get("category", ""),
            "words": given.get("words", "").strip(),
            "order": given.get("order") or orders[0],
        }
        found = challenge.listed(**chosen)
        pages = max(1, -(-len(found) // _PER_PAGE))
        page = _number(given, "page", 1, pages)
        return self._page(
            "playlists",
            chosen=chosen,
            categories=list(Category),
            orders=orders,
            answered=self._explorer.answered,
            total=len(found),
            listed=found[(page - 1) * _PER_PAGE : page * _PER_PAGE],
            page=page,
            pages=pages,
        )

    def playlist(self, request: Request) -> Response:
        """Show one playlist of the challenge beside its continuation."""
        pid = request.path_params["pid"]
        shown = self._explorer.show(pid, _number(request.query_params, "count", _SHOWN, LIST_LENGTH))
        seeds = tuple(dict.fromkeys(track_id(each.uri) for each in shown.seeds))
        return self._page(
            "playlist",
            shown=shown,
            missed=self._explorer.challenge.missed(shown),
            scores=self._explorer.challenge.scores(pid),
            draft=Draft(shown.title or "", seeds, Category(shown.category).is_random),
            all_shown=LIST_LENGTH,
        )

    def run(self, _: Request) -> Response:
        """Show the run's report, with the way to the other pages above it."""
        page = render_page(read_run(self._explorer.run), self._template("run"))
        # Its style stands in the page, which is one file by itself; a hash lets that one through.
        styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
        hashes = (b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles)
        policy = f"{_POLICY}; style-src 'self' " + " ".join(f"'sha256-{each}'" for each in hashes)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    def refused(self, _: Request, error: Exception) -> Response:
        """Say what was wrong with a request."""
        if isinstance(error, HTTPException):
            return self._page("error", status=error.status_code, message=error.detail, hint=None)
        assert isinstance(error, ChallengeError)
        status = 404 if isinstance(error, MissingInputError) else 400
        return self._page("error", status=status, message=error.message, hint=error.hint)

    def _page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(self._template(template).render(values), status)

    def _template(self, name: str) -> Template:
        return self._environment.get_template(f"{name}.html.j2", globals={"page_name": name})


def _heading(draft: Draft, found: Sequence[Found]) -> str:
    """What stands above the tracks that were found."""
    if not draft.words:
        return "In most playlists"
    if not found:
        return "No track of this dataset" if is_link(draft.words) else "Nothing is named so"
    return "Found" if found[0].exact else "Nothing is named so; spelt alike"


def _number(given: Any, name: str, default: int, most: int) -> int:
    """A whole number from 1 to ``most`` among the parameters of an address."""
    text = given.get(name) or str(default)
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise ConfigError(f"{name} is {text!r}; expected 1 to {most}")
    return int(text)
