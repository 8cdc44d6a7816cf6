from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from challenge.errors import FormatError, InputError, MissingInputError
from challenge.evaluation.ground_truth import read_ground_truth
from tests.small_submissions import uri

ANSWERS = {
    "9": {"category": "first_5", "holdout": [uri(3), uri(1), uri(3)]},
    "7": {"category": "title_only", "holdout": [uri(2)]},
}


def write(folder: Path, value: object) -> Path:
    path = folder / "answers.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_playlists_come_in_order_of_pid(tmp_path: Path) -> None:
    answers = read_ground_truth(write(tmp_path, ANSWERS))
    assert answers.pid.tolist() == [7, 9]
    assert answers.categories == ("title_only", "first_5")
    assert answers.indptr.tolist() == [0, 1, 4]
    assert answers.track_ids.tolist() == [uri(n)[14:].encode() for n in (2, 3, 1, 3)]
    assert len(answers.pid) == 2


def test_hash_depends_on_content_and_not_on_layout(tmp_path: Path) -> None:
    base = read_ground_truth(write(tmp_path, ANSWERS)).content_hash
    turned = {
        "7": ANSWERS["7"],
        "9": {"extra": 1, "category": "first_5", "holdout": [uri(1), uri(3)]},
    }
    assert read_ground_truth(write(tmp_path, json.dumps(turned, indent=3))).content_hash == base
    for change in (
        {"category": "first_10", "holdout": [uri(2)]},
        {"category": "title_only", "holdout": [uri(4)]},
    ):
        assert read_ground_truth(write(tmp_path, ANSWERS | {"7": change})).content_hash != base
    assert len(base) == 12


def test_hash_is_of_each_playlist_with_its_own_tracks(tmp_path: Path) -> None:
    """By the rule: pid, category and number, then the different ids in order; of all playlists in order."""
    ids = [uri(number)[14:].encode() for number in (1, 2, 3)]
    content = b"7 title_only 1\n" + ids[1] + b"9 first_5 2\n" + ids[0] + ids[2]
    found = read_ground_truth(write(tmp_path, ANSWERS)).content_hash
    assert found == hashlib.sha256(content).hexdigest()[:12]


def test_tracks_of_one_playlist(tmp_path: Path) -> None:
    answers = read_ground_truth(write(tmp_path, ANSWERS))
    assert answers.uris(7) == [uri(2)]
    assert answers.uris(9) == [uri(3), uri(1), uri(3)]
    for pid in (0, 8, 10):
        with pytest.raises(InputError, match=f"playlist {pid}: not in the answers"):
            answers.uris(pid)


def test_the_largest_pid_and_the_longest_category(tmp_path: Path) -> None:
    answers = read_ground_truth(write(tmp_path, {"2147483647": {"category": "a" * 100, "holdout": [uri(1)]}}))
    assert (answers.pid.tolist(), answers.categories) == ([2**31 - 1], ("a" * 100,))


def test_category_may_be_absent(tmp_path: Path) -> None:
    assert read_ground_truth(write(tmp_path, {"7": {"holdout": [uri(1)]}})).categories == ("uncategorised",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"\\ud800": {"holdout": []}}', r"pid '\?' is not a whole number"),
        ('{"7": {"holdout": ["\\ud800"]}}', r"holdout\[0\] is '\?'"),
        ('{"7": {"holdout": "\\ud800"}}', "is not a list of track URIs"),
        ({"7": {"holdout": 5}}, "is not a list of track URIs"),
        ({"7": {"holdout": [uri(1), 5]}}, "is not a list of track URIs"),
        ({"7": {"category": None, "holdout": [uri(1)]}}, '"category" is null; expected a name'),
        ({"7": {"category": True, "holdout": [uri(1)]}}, '"category" is true or false; expected a name'),
        ({"7": 5}, 'expected an object with "holdout", found a number'),
        ({"7": "a"}, 'expected an object with "holdout", found a string'),
        ({"7": []}, 'expected an object with "holdout", found a list'),
        ({"7": {}}, 'expected an object with "holdout", found another object'),
        ({"playlists": [{"num_holdouts": 5}]}, r"this is a challenge set \(JSON\), not answers"),
        ({"info": {}, "playlists": []}, "this is a slice of the MPD, not answers"),
        ("team_info,a,b@c.de", r"this is a submission \(CSV\), not answers"),
        ("[1]", "not answers: expected a JSON object, found a list"),
        ('{"7": 1, "7": 2}', "the key '7' stands there twice"),
        ({"07": {"holdout": [uri(1)]}}, "pid '07' is not a whole number"),
        (
            {"2147483648": {"holdout": [uri(1)]}},
            "pid '2147483648' is not a whole number from 0 to 2147483647",
        ),
        ({"7": {"category": "a\nb", "holdout": [uri(1)]}}, r"category 'a\\nb'; expected a name"),
        ({"7": {"category": "a" * 101, "holdout": [uri(1)]}}, "category 'a{60}'…; expected a name"),
        ("[]", "not answers"),
        ({}, "no playlist in it"),
        ({"x": {"holdout": [uri(1)]}}, "pid 'x' is not a whole number"),
        ({"7": {"category": "first_5"}}, "holdout"),
        ({"7": {"holdout": []}}, "playlist 7: nothing held out"),
        ({"7": {"holdout": [uri(1), "spotify:local:a"]}}, r"playlist 7: holdout\[1\] is 'spotify:local:a'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        read_ground_truth(write(tmp_path, value))
    assert "JSON object" in str(caught.value.hint)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        read_ground_truth(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read, it is a folder"):
        read_ground_truth(tmp_path)
