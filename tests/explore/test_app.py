"""Each page of ``challenge explore``, asked for in this process."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from typer.testing import CliRunner

from challenge.cli.app import build_app
from challenge.evaluation.scorecard import Scorecard
from challenge.explore.app import make_app
from challenge.explore.challenge_playlists import ShownPlaylist
from challenge.explore.draft import Draft, track_id
from challenge.explore.explorer import CONTINUED_BY, Explorer
from challenge.files import file_hash
from challenge.playlist import Playlist, reason_lines
from challenge.recommender import Recommender
from challenge.report.page import render_report
from challenge.run_folder import RunFolder
from challenge.types import Category
from challenge.workflows.explore import load_explorer
from tests.explore.conftest import HOSTILE_ARTIST, HOSTILE_TITLE, HOSTILE_TRACK, ExploredRun

DRAFT = 'id="draft"'
pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def explorer(explored: ExploredRun) -> Explorer:
    return load_explorer(explored.folder, answers=explored.answers)


@pytest.fixture(scope="module")
def recommender(explored: ExploredRun) -> Recommender:
    return Recommender.load(RunFolder(explored.folder).recommender)


@pytest.fixture
def client(explorer: Explorer) -> Iterator[TestClient]:
    with TestClient(make_app(explorer), base_url="http://127.0.0.1:8018", follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def tracks(recommender: Recommender) -> list[str]:
    """Ids of some tracks."""
    return [each.decode() for each in recommender.dataset.catalog.tracks.ids[:600].tolist()]


def page_of(client: TestClient, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text
    return answer.text


def links(page: str, word: str) -> list[str]:
    """Where the links go that begin with a word."""
    return [unescape(found) for found in re.findall(rf'<a [^>]*href="([^"]*)"[^>]*>{word}<', page)]


def names(page: str, after: str = "<h1>") -> list[str]:
    """Names of the tracks on a page, in order, after some text on it."""
    return [unescape(found) for found in re.findall(r'<span class="name">(.*?) <span', page.split(after)[1])]


# -- who may ask, and what a browser may do with the answer ----------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0:8018", "[::1]", ""])
def test_other_names_for_this_machine_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 400
    assert "Continue" not in answer.text


def test_its_own_names_are_answered(client: TestClient) -> None:
    for host in ("127.0.0.1:8018", "127.0.0.1", "localhost:1"):
        assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "address", ["/", "/playlists", "/run", "/nothing", "/?tracks=x", "/static/explore.js", "/static/none.js"]
)
def test_every_answer_forbids_what_is_not_from_here(client: TestClient, address: str) -> None:
    for headers in ({}, {"host": "evil.example"}):
        answer = client.get(address, headers=headers)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; base-uri 'none'; form-action 'self'")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(
    client: TestClient, explored: ExploredRun, tracks: list[str]
) -> None:
    draft = f"/?title=a&words=a&tracks={tracks[0]}"
    for address in (draft, "/playlists", f"/playlists/{explored.pid}", "/nothing"):
        page = page_of(client, address, 404 if address == "/nothing" else 200)
        assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/explore.js" defer>']
        assert not re.search(r"<style|\sstyle=|<[^>]*\son\w+=", page)
        assert not re.search(r'(src|href|action)="(?!/)', page)


def test_nothing_is_changed_by_asking(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert client.request(method, "/").status_code == 405


# -- continue --------------------------------------------------------------------------------------------


def test_an_empty_draft_asks_for_something_and_shows_what_there_is(
    client: TestClient, recommender: Recommender
) -> None:
    page = page_of(client, "/")
    assert "Give a title, add a track, or both." in page
    assert "No tracks yet." in page
    assert "<h2>In most playlists</h2>" in page
    popularity = recommender.sources.index.popularity
    counts = [int(each) for each in re.findall(r"· in ([0-9]+) playlist", page)]
    assert counts == np.sort(popularity)[::-1][:10].tolist()
    assert len(links(page, "Add")) == 10
    assert "In most playlists" not in page_of(client, links(page, "Add")[0])


def test_a_draft_goes_on_as_the_recommender_says(
    client: TestClient, recommender: Recommender, tracks: list[str]
) -> None:
    for draft, told in (
        (Draft("road trip"), "for “road trip” with 0 tracks."),
        (Draft("", tuple(tracks[:1])), "for a playlist without a title with 1 track."),
        (Draft("love", tuple(tracks[:30]), shuffled=True), "for “love” with 30 tracks."),
    ):
        page = page_of(client, draft.address())
        playlist = Playlist(draft.title or None, draft.tracks, ordered=not draft.shuffled)
        (expected,) = recommender.recommend([playlist], CONTINUED_BY)
        assert names(page)[len(draft.tracks) :] == [each.track for each in expected]
        uris = re.search(r"<textarea[^>]*>([^<]*)</textarea>", page)
        assert uris is not None
        assert uris[1].splitlines() == [each.uri for each in expected]
        assert f"{CONTINUED_BY} tracks {told}" in page
        assert ('name="shuffled" type="checkbox" value="1" checked' in page) == draft.shuffled


def test_tracks_are_added_and_removed_by_links(client: TestClient, recommender: Recommender) -> None:
    page = page_of(client, "/?title=love&words=a")
    first = links(page, "Add")[0]
    page = page_of(client, first)
    assert '<span class="muted">added</span>' in page
    assert len(links(page, "Remove")) == 1
    added = names(page, DRAFT)[0]
    following = links(page, "Add")[-CONTINUED_BY]
    page = page_of(client, following)
    assert names(page, DRAFT)[0] == added
    assert len(links(page, "Remove")) == 2
    page = page_of(client, links(page, "Remove")[0])
    assert names(page, DRAFT)[0] != added
    assert len(links(page, "Remove")) == 1
    assert 'value="love"' in page
    assert 'value="a"' in page, "the words that were looked for stay"


def test_tracks_move_up_by_links_and_are_copied_with_what_follows(
    client: TestClient, recommender: Recommender, tracks: list[str]
) -> None:
    page = page_of(client, Draft("love", tuple(tracks[:3])).address())
    first, second, third = tracks[:3]
    moved = ((second, first, third), (first, third, second))
    assert links(page, "Up") == [Draft("love", order).address() for order in moved]
    both = re.search(r'<textarea id="all-uris"[^>]*>([^<]*)</textarea>', page)
    assert both is not None
    copied = both[1].splitlines()
    assert [track_id(uri) for uri in copied[:3]] == tracks[:3]
    assert len(set(copied)) == 3 + CONTINUED_BY
    assert "all-uris" not in page_of(client, "/?title=love")


@pytest.mark.parametrize(("title", "known"), [("love", True), ("LOVE 1987", True), ("qqqzzzvvv", False)])
def test_a_title_that_says_nothing_is_told(
    client: TestClient, tracks: list[str], title: str, known: bool
) -> None:
    told = "No playlist here has a title like it"
    assert (told in page_of(client, f"/?title={title}")) != known
    assert ("these are popular everywhere" in page_of(client, f"/?title={title}")) != known
    page = page_of(client, Draft(title, tuple(tracks[:2])).address())
    assert (told in page) != known
    assert "popular everywhere" not in page
    assert told not in page_of(client, Draft("", tuple(tracks[:2])).address())


def test_tracks_are_found_misspelt_and_by_link(client: TestClient, recommender: Recommender) -> None:
    catalog, popularity = recommender.dataset.catalog, recommender.sources.index.popularity
    track = max(np.argsort(-popularity)[:40].tolist(), key=lambda i: len(catalog.track_names[i]) % 40)
    name = catalog.track_names[track]
    page = page_of(client, f"/?words={name}")
    assert "<h2>Found</h2>" in page
    assert name in page
    misspelt = name[0] + name[2] + name[1] + name[3:]
    page = page_of(client, f"/?words={misspelt} {catalog.artist_names[int(catalog.track_artist[track])]}")
    assert "<h2>Nothing is named so; spelt alike</h2>" in page
    assert name in page
    identity = catalog.tracks.ids[track].decode()
    for link in (identity, f"spotify:track:{identity}", f"https://open.spotify.com/track/{identity}"):
        page = page_of(client, Draft(words=link).address())
        assert name in page
        assert [Draft(words=link, tracks=(identity,)).address()] == links(page, "Add")
    assert "<h2>Nothing is named so</h2>" in page_of(client, "/?words=qqqqvvvvxxxx")
    for link in ("z" * 22, "https://open.spotify.com/playlist/37i9dQZF1DX", "spotify:artist:" + "z" * 22):
        page = page_of(client, Draft("love", words=link).address())
        assert "<h2>No track of this dataset</h2>" in page
        assert len(links(page, "Add")) == CONTINUED_BY, "the continuation stays"


def test_the_reason_is_the_one_of_the_command(client: TestClient, recommender: Recommender) -> None:
    (expected,) = recommender.recommend([Playlist("love")], CONTINUED_BY, explain=True)
    addresses = links(page_of(client, "/?title=love"), "Why")
    assert len(addresses) == CONTINUED_BY
    for address, each in list(zip(addresses, expected, strict=True))[::10]:
        page = page_of(client, address)
        lines = re.search(r'<ul class="why">(.*?)</ul>', page, re.DOTALL)
        assert lines is not None
        told = [unescape(line) for line in re.findall("<li>(.*?)</li>", lines[1])]
        assert told == reason_lines(each)
        assert links(page, "Back to the playlist") == ["/?title=love"]


@pytest.mark.parametrize(
    ("address", "status", "message"),
    [
        ("/?tracks=abc", 400, "tracks[0] is 'abc'; expected a track"),
        (f"/?tracks={'z' * 22}", 400, "which is in no playlist of the dataset"),
        ("/?tracks=.%00.", 400, "expected a track"),
        ("/why", 404, "not among the 50 recommended"),
        ("/why?title=love&track=%F0%28", 404, "not among the 50 recommended"),
        ("/playlists/7", 404, "playlist 7: not in the challenge of this run"),
        (f"/playlists/{10**30}", 404, "not in the challenge of this run"),
        ("/playlists/-1", 404, "Not Found"),
        ("/playlists/1000000?count=0", 400, "count is '0'; expected 1 to 500"),
        ("/playlists/1000000?count=501", 400, "count is '501'; expected 1 to 500"),
        ("/playlists?page=0", 400, "page is '0'; expected 1 to 1"),
        ("/playlists?page=٣", 400, "expected 1 to 1"),
        ("/playlists?category=none", 400, "category 'none'"),
        ("/playlists?order=up", 400, "order 'up'"),
        ("/static/../app.py", 404, "Not Found"),
        ("/static/%2e%2e/app.py", 404, "Not Found"),
        ("/nothing", 404, "Not Found"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    client: TestClient, address: str, status: int, message: str
) -> None:
    page = page_of(client, address, status)
    assert message in unescape(page)
    assert 'role="alert"' in page


def test_too_many_tracks_are_refused_and_long_text_is_cut(client: TestClient, tracks: list[str]) -> None:
    page = page_of(client, Draft("a", tuple(tracks[:501])).address(), 400)
    assert "501 tracks; expected at most 500" in page
    page = page_of(client, f"/?title={'a' * 5000}&words={'b' * 5000}")
    assert "a" * 200 in page
    assert "a" * 201 not in page
    assert "b" * 201 not in page


def test_other_peoples_text_is_text(client: TestClient, explored: ExploredRun) -> None:
    own = Draft(HOSTILE_TITLE, (explored.track.rsplit(":", 1)[-1],), words=HOSTILE_TRACK)
    for address, texts in (
        (own.address(), (HOSTILE_TITLE, HOSTILE_TRACK, HOSTILE_ARTIST)),
        ("/playlists?category=&order=pid", (HOSTILE_TITLE,)),
        (f"/playlists/{explored.pid}?count=500", (HOSTILE_TITLE, HOSTILE_TRACK, HOSTILE_ARTIST)),
    ):
        page = page_of(client, address)
        assert len(re.findall("<script", page)) == 1
        assert not re.search("<img|<b onclick", page)
        for text in texts:
            assert text in unescape(page), text


# -- challenge playlists ---------------------------------------------------------------------------------


def test_playlists_are_listed_by_score_and_agree_with_the_scorecard(
    client: TestClient, explorer: Explorer, explored: ExploredRun
) -> None:
    worst = explorer.challenge.listed(order="worst")
    ndcg = [each.scores["ndcg"] for each in worst]
    assert ndcg == sorted(ndcg)
    assert len(worst) == len(explorer.challenge) == 10 * 5
    best = explorer.challenge.listed(order="best")
    assert [each.scores["ndcg"] for each in best] == ndcg[::-1]
    card = Scorecard.load(RunFolder(explored.folder).scorecard)
    for name, score in card.by_category.items():
        listed = explorer.challenge.listed(category=name)
        assert [each.category for each in listed] == [name] * 5
        for metric in ("r_precision", "ndcg", "clicks"):
            mean = np.mean([each.scores[metric] for each in listed])
            assert mean == pytest.approx(score[metric].mean, abs=1e-6)
    page = page_of(client, "/playlists")
    shown = re.findall(r'href="/playlists/(\d+)"', page)
    assert shown == [str(each.pid) for each in worst], "the worst come first unless asked otherwise"
    assert f'<td class="number">{worst[-1].scores["ndcg"]:.3f}</td>' in page


def test_page_report_terminal_and_json_tell_the_same_numbers(
    client: TestClient, explored: ExploredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(explored.folder)
    card = Scorecard.load(folder.scorecard)
    expected = {
        category.replace("_", " "): [
            f"{scores['r_precision'].mean:.4f}",
            f"{scores['ndcg'].mean:.4f}",
            f"{scores['clicks'].mean:.3f}",
        ]
        for category, scores in {**card.by_category, "all": card.overall}.items()
    }
    monkeypatch.setenv("COLUMNS", "80")
    words = ["score", str(folder.submission), "--answers", str(explored.answers)]
    told = json.loads(CliRunner().invoke(build_app(), [*words, "--json"]).stdout)
    for name, scores in {**told["categories"], "all": told}.items():
        means = [f"{scores['r_precision']:.4f}", f"{scores['ndcg']:.4f}", f"{scores['clicks']:.3f}"]
        assert means == expected[name.replace("_", " ")]
    terminal = CliRunner().invoke(build_app(), words).stdout
    cells = [line.split() for line in terminal.splitlines()]
    for name, means in expected.items():
        row = next(row for row in cells if row[: len(name.split())] == name.split())
        assert [cell for cell in row if re.fullmatch(r"\d+\.\d+", cell)][:3] == means
    for page in (folder.report.read_text("utf-8"), page_of(client, "/run")):
        rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
        for name, means in expected.items():
            cells_of_row = next(
                found
                for row in rows
                if (found := re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL))[:1] == [name]
                and any(mean in found for mean in means)
            )
            assert [cell for cell in cells_of_row if cell in means] == means


def test_playlists_are_found_by_category_and_title(client: TestClient, explorer: Explorer) -> None:
    title = next(each.title for each in explorer.challenge.listed() if each.title)
    for words in (title, title.upper(), title.split()[0][:3]):
        found = explorer.challenge.listed(words=words)
        assert title in [each.title for each in found]
        assert all(words.lower() in (each.title or "").lower() for each in found)
    page = page_of(client, f"/playlists?words={title}&category={Category.FIRST_5}")
    assert "0 playlists" in page, "playlists of this category have no title"


def test_a_page_of_the_list_leads_to_the_next(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, explorer: Explorer
) -> None:
    monkeypatch.setattr("challenge.explore.app._PER_PAGE", 20)
    seen: list[str] = []
    address = "/playlists?order=pid&category=&words="
    for number in (1, 2, 3):
        page = page_of(client, address)
        assert f"50 playlists, page {number} of 3" in page
        seen += re.findall(r'href="/playlists/(\d+)"', page)
        assert len(links(page, "Previous page")) == (number > 1)
        address = next(iter(links(page, "Next page")), "")
    assert address == ""
    assert seen == [str(each.pid) for each in explorer.challenge.listed(order="pid")]


def test_a_playlist_shows_what_it_was_given_and_its_hits(
    client: TestClient, explorer: Explorer, explored: ExploredRun
) -> None:
    answers = json.loads(explored.answers.read_text())
    for pid in (explored.pid, explorer.challenge.listed(order="best")[0].pid):
        shown: ShownPlaylist = explorer.show(pid, 500)
        held_out = answers[str(pid)]["holdout"]
        hits = [each.uri for each, hit in zip(shown.recommended, shown.hits or [], strict=True) if hit]
        missed = [each.uri for each in explorer.challenge.missed(shown)]
        assert sorted({*hits, *missed}) == sorted(set(held_out))
        page = page_of(client, f"/playlists/{pid}?count=500")
        assert page.count('<b class="hit">hit</b>') == len(hits)
        assert f"{len(hits)} of {shown.num_holdouts} held-out tracks among the first 500" in page
        tried = page_of(client, links(page, "Try it under Continue")[0])
        assert len(links(tried, "Remove")) == len({each.uri for each in shown.seeds})
        assert ("checked" in tried) == Category(shown.category).is_random
        assert len(names(page_of(client, f"/playlists/{pid}"))) < len(names(page))


def test_without_answers_the_scores_are_those_that_are_kept_and_nothing_is_marked(
    explored: ExploredRun,
) -> None:
    explorer = load_explorer(explored.folder)
    client = TestClient(make_app(explorer), base_url="http://localhost")
    page = page_of(client, "/playlists")
    assert "Name the held-out tracks with --answers" in page
    assert "worst NDCG" in page
    assert "hit" not in re.findall(r'class="(\w+)"', page_of(client, f"/playlists/{explored.pid}"))


def test_what_is_kept_of_other_answers_is_not_shown(explored: ExploredRun, tmp_path: Path) -> None:
    answers = json.loads(explored.answers.read_text())
    for each in answers.values():
        each["holdout"] = ["spotify:track:" + "z" * 22]
    (tmp_path / "other.json").write_text(json.dumps(answers))
    explorer = load_explorer(explored.folder, answers=tmp_path / "other.json")
    assert {each.scores["ndcg"] for each in explorer.challenge.listed()} == {0.0}


def test_without_the_submission_hits_are_marked_all_the_same(
    explored: ExploredRun, tmp_path: Path, told: list[str]
) -> None:
    shutil.copytree(RunFolder(explored.folder).recommender, RunFolder(tmp_path).recommender)
    explorer = load_explorer(tmp_path, answers=explored.answers)
    assert any("is not there, so playlists have no scores" in text for text in told)
    assert not explorer.challenge.scored
    assert explorer.show(explored.pid, 10).hits is not None


# -- run -------------------------------------------------------------------------------------------------


def test_the_run_is_shown_as_its_report_shows_it(client: TestClient, explored: ExploredRun) -> None:
    before = file_hash(RunFolder(explored.folder).manifest)
    report = render_report(explored.folder).read_text()
    page = page_of(client, "/run")
    examples = re.findall(r'<h3 id="playlist-([0-9]+)"><a href="/playlists/([0-9]+)">', page)
    assert len(examples) == 10
    for pid, linked in examples:
        assert pid == linked
        page_of(client, f"/playlists/{pid}")
    page = re.sub(r'<a href="/playlists/[0-9]+">(.*?)</a></h3>', r"\1</h3>", page)
    body = re.compile(r"<h1>.*", re.DOTALL)
    assert [found[0] for text in (page, report) if (found := body.search(text))] == [
        report[report.index("<h1>") :]
    ] * 2
    assert 'aria-current="page">Run</a>' in page
    policy = client.get("/run").headers["content-security-policy"]
    assert len(re.findall(r"'sha256-[A-Za-z0-9+/=]{44}'", policy)) == 1
    assert not re.search(r"<script|<[^<>]*\s(style|on\w+)=", page), "but in other people's text"
    assert file_hash(RunFolder(explored.folder).manifest) == before


# -- addresses -------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(str.strip)
IDS = st.lists(st.from_regex(r"[0-9A-Za-z]{22}", fullmatch=True), max_size=4, unique=True)


@given(TEXT, IDS, st.booleans(), TEXT)
def test_an_address_tells_all_of_a_draft(title: str, ids: list[str], shuffled: bool, words: str) -> None:
    from starlette.datastructures import URL, QueryParams

    draft = Draft(title, tuple(ids), shuffled, words)
    assert Draft.of_address(QueryParams(URL(draft.address()).query)) == draft
    for track in ids:
        assert draft.adding(track) == draft, "each track once"
        assert track not in draft.without(f"spotify:track:{track}").tracks
