"""The documentation, held against the code: commands, settings, Python, links, messages, made pages."""

from __future__ import annotations

import ast
import doctest
import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import challenge
from challenge.cli.app import build_app
from challenge.config import RunConfig, load
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.mpd.store import prepare_store
from challenge.playlist_files import read_playlists
from challenge.threads import one_thread
from tests.tiny_runs import TINY, TinySample

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "submissions" / "README.md")
)
WRITTEN = [page for page in PAGES if not page.startswith("docs/reference/")]
HISTORY = ("CHANGELOG.md", "docs/experiments.md")
"""Pages that tell what was, commands of earlier versions among it."""
BLOCK = re.compile(r"^(?:```|~~~)(\w*)\n(.*?)^(?:```|~~~)$", re.DOTALL | re.MULTILINE)
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, *languages: str) -> list[str]:
    return [code for language, code in BLOCK.findall(text_of(page)) if language in languages]


def spans(page: str) -> list[str]:
    """Code in the text, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", BLOCK.sub("", text_of(page)))


def lines_of(page: str) -> Iterator[str]:
    """Command lines in the blocks of a page, each whole; where prompts are shown, those alone."""
    for code in blocks(page, "", "sh", "console"):
        lines = code.replace("\\\n", " ").splitlines()
        prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        for line in prompted or lines:
            yield from (part.strip() for part in line.split("&&"))


def words_of(line: str) -> list[str]:
    """Words of a command line up to a pipe, without what stands for more of them."""
    words = shlex.split(line.split(" | ", maxsplit=1)[0].replace("[", "").replace("]", ""), comments=True)
    return [word for word in words if word != "…"]


@cache
def commands() -> dict[str, Any]:
    found: dict[str, Any] = get_command(build_app()).commands  # type: ignore[attr-defined]
    return found


def parse(line: str, *, whole: bool) -> str | None:
    """Parse a command line of ``challenge`` as the program would; return what is wrong with it."""
    program, *words = words_of(line)
    if program.removeprefix(".venv/bin/") != "challenge" or not words or words[0].startswith("-"):
        return None
    name, *arguments = words
    if name not in commands():
        return f"{line}: no command {name}"
    try:
        commands()[name].make_context(name, arguments)
    except Exception as error:  # the command line's library has its own errors, by version
        if type(error).__name__ == "MissingParameter":
            return f"{line}: an option or argument is missing" if whole else None
        if type(error).__name__ == "BadOptionUsage" and not whole:  # an option that is named without value
            return None
        return f"{line}: {getattr(error, 'message', error)}"
    return None


@pytest.mark.parametrize("page", [page for page in WRITTEN if page not in HISTORY])
def test_commands_are_those_of_the_program(page: str) -> None:
    whole = [line for line in lines_of(page) if re.match(r"(\.venv/bin/)?challenge ", line)]
    wrong = [parse(line, whole="…" not in line) for line in whole]
    short = [span for span in spans(page) if span.startswith("challenge ")]
    wrong += [parse(re.sub(r"\b(N|PID)\b", "1", span), whole=False) for span in short]
    assert [each for each in wrong if each] == []


@pytest.mark.parametrize("page", [page for page in WRITTEN if page not in HISTORY])
def test_make_targets_are_those_of_the_makefile(page: str) -> None:
    found = [line.split()[1] for line in [*lines_of(page), *spans(page)] if re.match(r"make [a-z]", line)]
    assert set(found) <= TARGETS


def test_a_wrong_command_is_found() -> None:
    assert parse("challenge run --mpd a --challenge b --output c", whole=True) is None
    assert "no command ran" in (parse("challenge ran --mpd a", whole=True) or "")
    assert "--outptu" in (parse("challenge run --outptu c", whole=False) or "")
    assert "is missing" in (parse("challenge run --mpd a --challenge b", whole=True) or "")
    assert parse("challenge run --mpd a", whole=False) is None
    assert "whole number" in (parse("challenge run --output c --dim x", whole=True) or "")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    heads = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head).lower() for head in heads)
    return {re.sub(r"[^\w\- ]", "", head).strip().replace(" ", "-") for head in plain}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", text_of(page))):
        if link.startswith(("http:", "https:")):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([^)#\s]+)", text_of("docs/README.md")))
    here = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")} - {"README.md"}
    assert {page for page in here if not page.startswith("benchmarks/")} <= linked


@pytest.mark.parametrize("page", WRITTEN)
def test_python_in_the_pages_compiles(page: str) -> None:
    for code in blocks(page, "python"):
        if not code.startswith(">>>"):
            compile(code, page, "exec")


@pytest.mark.parametrize("page", [page for page in PAGES if ">>> " in text_of(page)])
def test_examples_give_what_they_show(page: str) -> None:
    done = doctest.testfile(str(ROOT / page), module_relative=False, encoding="utf-8")
    assert done.attempted > 0
    assert done.failed == 0


@pytest.mark.parametrize("page", [page for page in WRITTEN if page not in HISTORY])
def test_settings_in_the_pages_are_settings(page: str, tmp_path: Path) -> None:
    for number, code in enumerate(blocks(page, "toml")):
        if "project" in tomllib.loads(code) or "modules =" in code:
            continue
        path = tmp_path / f"{number}.toml"
        path.write_text(code)
        assert load(path) != RunConfig()


@cache
def texts_in_code() -> tuple[str, ...]:
    """Every text in the package, with … for what is put into it."""
    found = []
    for path in (ROOT / "challenge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (each.value if isinstance(each, ast.Constant) else "…" for each in node.values)
                found.append("".join(map(str, parts)))
    return tuple(found)


def is_said(message: str) -> bool:
    """Whether the code has a text with all parts of a message, which … divides, in their order."""
    pattern = re.compile(".*".join(map(re.escape, message.split("…"))), re.DOTALL)
    return any(pattern.search(text) for text in texts_in_code())


def test_messages_in_the_faq_are_messages_of_the_code() -> None:
    messages = re.findall(r"^### `(.+)`$", text_of("docs/faq.md"), re.MULTILINE)
    assert len(messages) > 20
    assert [message for message in messages if not is_said(message)] == []
    assert not is_said("the zip is truncated: after … apples")


def test_the_slice_in_the_pages_is_a_slice(tmp_path: Path) -> None:
    (code,) = blocks("docs/getting-the-data.md", "json")
    (tmp_path / "mpd.slice.0-0.json").write_text(code)
    store = prepare_store(tmp_path, cache_dir=tmp_path / "cache", workers=1)
    assert (len(store.playlists), store.playlists.title(0)) == (1, "road trip")
    assert list(store.catalog.track_names) == ["A song"]
    (code,) = blocks("docs/formats.md", "python")
    found: dict[str, Any] = {}
    exec(code.replace("cache/mpd-0123456789abcdef0123", str(store.path)), found)
    assert found["first_playlist"].tolist() == [0]


def test_the_answers_and_playlists_in_the_pages_can_be_read(tmp_path: Path) -> None:
    answers, playlists = blocks("docs/formats.md", "json")
    (tmp_path / "answers.json").write_text(answers)
    assert read_ground_truth(tmp_path / "answers.json").pid.tolist() == [1000003]
    road_trip, sun = read_playlists(playlists.encode(), "page")
    assert (road_trip.title, len(road_trip.tracks), road_trip.ordered) == ("road trip", 2, True)
    assert (sun.ordered, sun.num_missing) == (False, 30)


def test_python_of_the_how_tos_runs(
    sample: TinySample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHALLENGE_CACHE", str(tmp_path / "cache"))
    files = sample.copied(tmp_path / "data" / "sample")
    asked, fitted = blocks("docs/how-to.md", "python")
    with one_thread():
        # A learned ranking and all sources at their full size take longer than a test should.
        monkeypatch.setattr(challenge, "RunConfig", lambda ranking: replace(TINY, ranking=ranking))
        found: dict[str, Any] = {}
        exec(fitted, found)
        found["recommender"].save(tmp_path / "submissions" / "first" / "recommender")
        uri = files.challenge_set()["playlists"][-1]["tracks"][0]["track_uri"]
        exec(asked.replace("spotify:track:…", uri), {})
    shape, *tracks = capsys.readouterr().out.splitlines()
    assert shape == "(50, 500)"
    assert [int(line.split()[0]) for line in tracks] == [1, 2, 3, 4, 5] * 2


def test_the_pages_made_from_the_code_are_up_to_date() -> None:
    made = runpy.run_path(str(DOCS / "_generate.py"))["pages"]()
    kept = {path.name: path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md")}
    stale = [name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name)]
    assert stale == [], "run make docs"
