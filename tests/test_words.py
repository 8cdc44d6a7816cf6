"""One word for each idea, the field's: words that were dropped stay out of the package.

Looked at are names (of modules, classes, functions, arguments, variables and attributes, and strings that are
such names), and the words of docstrings and comments. docs/glossary.md explains the words that are used.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent


class Dropped(NamedTuple):
    """Names that are used no more, and what is used in their place; several are separated by blanks.

    ``word`` is found wherever it stands among the words of a name, ``word_*`` where a name begins so, and
    ``=name`` where a name is just that. Under ``folder`` only.
    """

    old: str
    new: str
    folder: str = "challenge"


NAMES = (
    Dropped("look_alike look_alikes lookalike lookalikes", "training_query TrainingQueries"),
    Dropped("candidate_generator fitted_generator", "source Source fitted_source FittedSource"),
    Dropped("=Answer =answer answering", "candidates scores ground_truth answers serving_dataset"),
    Dropped("judge judges judged", "evaluate validate targets chunk_rows"),
    Dropped("=forms =Forms metric_form ndcg_form clicks_form precision_form", "variants Variants"),
    Dropped("world worlds", "RunInputs SyntheticCatalogue"),
    Dropped("corpus corpora", "dataset Dataset"),
    Dropped("tile tiles", "query_batch QueryBatch"),
    Dropped("=depth", "num_candidates", "challenge/sources"),
    Dropped("=place =places", "rank position index", "challenge/sources"),
    Dropped("holder holders =_post", "postings build_postings max_postings"),
    Dropped("company", "mean_playlist_length"),
    Dropped("fame", "log_popularity popularity"),
    Dropped("namesake namesakes", "same_title_count"),
    Dropped("makers", "same_artist same_album"),
    Dropped("continuation title_names", "artist_album artists_in_title title_knn"),
    Dropped("latent_neighbours close_neighbours", "ials ials_knn playlist_knn"),
    Dropped("hide hidden hiding show blank gone", "mask masked masking edge_masking", "challenge/lightgcn"),
    Dropped("own_layer short_share", "include_layer_0 log_uniform_share"),
    Dropped("=leaves =rounds least_in_leaf", "num_leaves num_iterations min_data_in_leaf"),
    Dropped("feature_share row_share", "feature_fraction bagging_fraction"),
    Dropped("least_* most_* longest_* largest_*", "min_ max_"),
    Dropped("=Side =_turn", "FactorMatrix apply_basis"),
    Dropped("ledger ledgers", "profile Profile section"),
    Dropped("shelf shelves settle settled", "length_buckets commit"),
    Dropped("log_lines winners", "progress_log leaderboard_2018"),
)
FIELD_NAMES = frozenset({"least_squares", "world_size", "local_world_size"})
"""What looks like a dropped name and is the field's own."""


class Phrase(NamedTuple):
    """A dropped word of docstrings and comments, as a pattern; examples with and without."""

    pattern: str
    new: str
    old_example: str
    new_example: str


PHRASES = tuple(
    Phrase(*row)
    for row in (
        (r"look-?\s?alikes?", "training query", "cut like a look-alike", "spelt alike"),
        (r"candidate\s+generators?", "source", "a candidate\n    generator", "np.random.Generator"),
        (r"tiles?", "batch", "tile by tile", "in a batch"),
        (r"(?-i:Worlds?)", "run inputs", "a World of it", "a playlist of world music"),
        (r"corp(?:us|ora)", "dataset", "the corpus", "the dataset"),
        (r"judge[sd]?", "evaluate", "The judge", "evaluates"),
        (
            r"forms?\s+of\s+(?:the\s+|a\s+)?metrics?",
            "variant",
            "forms of the metrics",
            "text in several forms",
        ),
        (r"holders?", "playlists that hold it", "the next holder", "a placeholder"),
        (r"namesakes?|makers|fame", "see docs/glossary.md", "its fame", "a famed maker"),
        (r"hid(?:e|es|ing|den)\s+(?:edges?|titles?)", "edge masking", "hidden edges", "hidden answers"),
        (r"own_layer|short_share", "include_layer_0", "with own_layer", "its own layer"),
        (r"(?:latent|close)\s+neighbours?", "ials_knn", "latent neighbours", "nearest neighbours"),
        (r"ledgers?|shel(?:f|ves)|settle[sd]?", "profile", "the ledger", "the profile"),
    )
)
PATTERNS = tuple(re.compile(rf"(?<![\w-])(?:{each.pattern})(?!\w)", re.IGNORECASE) for each in PHRASES)


def snake(name: str) -> str:
    """A name in lower case, its words joined by single underscores."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).strip("_").lower()


def is_hit(old: str, name: str) -> bool:
    if old.startswith("="):
        return name == old[1:]
    words = snake(name)
    if words in FIELD_NAMES:
        return False
    return words.startswith(old[:-1]) if old.endswith("*") else f"_{old}_" in f"_{words}_"


def dropped_names(name: str, path: str) -> Iterator[str]:
    for each in NAMES:
        if f"{path}/".startswith(f"{each.folder}/"):
            for old in each.old.split():
                if is_hit(old, name):
                    yield f"{name} (use {each.new.replace(' ', ', ')})"


def names_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of whatever is named here; what is only used is named elsewhere."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.Constant(value=str(name)) if "_" in name and name.isidentifier():
                yield node.lineno, name


def prose_of(source: str) -> Iterator[tuple[int, str]]:
    """First line and text of each comment and docstring, those of attributes included."""
    begins = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and begins):
            yield token.start[0], token.string
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def findings(source: str, path: str) -> list[str]:
    """Where a module has dropped words, as ``path:line: word``."""
    found = {(1, hit) for hit in dropped_names(Path(path).stem, path)}
    found |= {(line, hit) for line, name in names_of(ast.parse(source)) for hit in dropped_names(name, path)}
    for first, text in prose_of(source):
        for phrase, pattern in zip(PHRASES, PATTERNS, strict=True):
            for match in pattern.finditer(text):
                line = first + text.count("\n", 0, match.start())
                found.add((line, f"“{match[0]}” (use {phrase.new})"))
    return [f"{path}:{line}: {hit}" for line, hit in sorted(found)]


def test_the_package_has_no_dropped_word() -> None:
    paths = sorted((ROOT / "challenge").rglob("*.py"))
    assert len(paths) > 100
    found = [hit for path in paths for hit in findings(path.read_text(), path.relative_to(ROOT).as_posix())]
    assert found == [], "\n" + "\n".join(found)


@pytest.mark.parametrize("row", NAMES, ids=lambda row: row.old.split()[0].strip("=_*"))
def test_dropped_names_are_found_and_their_successors_are_not(row: Dropped) -> None:
    path = f"{row.folder}/module.py"
    for old in row.old.split():
        name = old.removeprefix("=").replace("*", "thing")
        for source in (f"def {name}(): ...", f"class {name}: ...", f"{name} = 1", f"x.{name} = 1"):
            assert [hit for hit in findings(source, path) if name in hit], (old, source)
        assert findings(f"def f(x, *, {name}=1): ...", path)
        assert findings("", f"{row.folder}/{name}.py"), "modules have names too"
        if old == name:
            assert findings(f"class Big{name.title().replace('_', '')}: ...", path), "words of a longer name"
    for new in row.new.split():
        assert findings(f"def {new}({new}): ...", path) == []


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.new)
def test_dropped_words_are_found_in_docstrings_and_comments(phrase: Phrase) -> None:
    path = "challenge/module.py"
    for text in (
        f'"""Tells {phrase.old_example}."""',
        f'class A:\n    b = 1\n    """Is {phrase.old_example}."""',
    ):
        assert len(findings(text, path)) == 1, text
    comment = phrase.old_example.replace("\n", " ")
    assert findings(f"x = 1  # {comment}", path)[0].startswith("challenge/module.py:1: ")
    assert findings(f'"""Tells {phrase.new_example}, {phrase.new}."""  # {phrase.new_example}', path) == []


def test_findings_name_the_line_and_leave_used_names_and_messages_alone() -> None:
    source = '"""Fine.\n\nThe corpus.\n"""\nimport a.corpus\nx = a.corpus.tile("the judge")\ncorpus = 1\n'
    assert findings(source, "challenge/m.py") == [
        "challenge/m.py:3: “corpus” (use dataset)",
        "challenge/m.py:7: corpus (use dataset, Dataset)",
    ]
    assert findings('KEYS = ("own_layer", "judge of it")', "challenge/m.py") == [
        "challenge/m.py:1: own_layer (use include_layer_0, log_uniform_share)"
    ]
    assert findings("def show(): ...", "challenge/cli/m.py") == [], "edges are masked in lightgcn only"
    assert findings("def __post_init__(hosts): ...", "challenge/sources/m.py") == []
