"""Valid submissions, and ways to break them: each way breaks the rules it is named by, and no others."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.small_submissions import uri

COUNT = 500


@dataclass(frozen=True)
class Setting:
    """A challenge and what the dataset knows: all that a submission is judged by."""

    seeds: dict[int, frozenset[str]]
    tracks: list[str]
    known: frozenset[str]

    @classmethod
    def of_size(cls, playlists: int) -> Setting:
        """A challenge of that many playlists with three seeds each, in a dataset of 700 tracks."""
        seeds = {1_000_000 + 7 * row: frozenset(map(uri, range(row, row + 3))) for row in range(playlists)}
        tracks = list(map(uri, range(700)))
        return cls(seeds, tracks, frozenset(tracks))


@dataclass
class Draft:
    """A submission before it is written: its lines as fields, and how they become a file."""

    lines: list[list[str]]
    comma: str = ","
    end: str = "\n"
    last_end: bool = True
    begin: bytes = b""
    zipped: bool = False
    name: str = "submission.csv"
    finish: list[Callable[[bytes, Random], bytes]] = field(default_factory=list)

    @property
    def team(self) -> int:
        """Where the line about the team stands."""
        return next(i for i, line in enumerate(self.lines) if line[0].strip() == "team_info")

    def playlists(self) -> list[int]:
        """Where whole playlists stand."""
        return [i for i, line in enumerate(self.lines) if len(line) > COUNT]

    def data(self, random: Random) -> bytes:
        """The bytes of the file."""
        text = self.end.join(self.comma.join(line) for line in self.lines) + self.end * self.last_end
        data = self.begin + text.encode("utf-8", "surrogateescape")
        if self.zipped:
            data = gzip.compress(data, 1, mtime=0)
        for change in self.finish:
            data = change(data, random)
        return data


def valid(setting: Setting, random: Random) -> Draft:
    """A submission that keeps every rule, gzipped or not."""
    lines = [["team_info", "The Team", "team@example.org"]]
    for pid in random.sample(list(setting.seeds), len(setting.seeds)):
        usable = [track for track in _fresh(setting, random, COUNT + 3) if track not in setting.seeds[pid]]
        lines.append([str(pid), *usable[:COUNT]])
    zipped = random.random() < 0.1
    return Draft(lines, zipped=zipped, name="s.csv.gz" if zipped else "s.csv")


Way = Callable[[Draft, Setting, Random], None]


def _replace_track(draft: Draft, random: Random, track: str) -> None:
    line = draft.lines[random.choice(draft.playlists())]
    line[random.randrange(1, len(line))] = track


def _insert(draft: Draft, random: Random, *lines: list[str], first: int = 0) -> None:
    for line in lines:
        draft.lines.insert(random.randint(first, len(draft.lines)), line)


def drop_playlist(draft: Draft, setting: Setting, random: Random) -> None:
    del draft.lines[random.choice(draft.playlists())]


def foreign_playlist(draft: Draft, setting: Setting, random: Random) -> None:
    pid = random.choice(["0", "17", "2147483647", "1000001", "00999999999"])
    _insert(draft, random, [pid, *_fresh(setting, random)], first=draft.team + 1)


def _fresh(setting: Setting, random: Random, count: int = COUNT) -> list[str]:
    """Some known tracks one after another, from anywhere on."""
    begin = random.randrange(len(setting.known))
    return (setting.tracks * 2)[begin : begin + count]


def repeat_playlist(draft: Draft, setting: Setting, random: Random) -> None:
    line = list(draft.lines[random.choice(draft.playlists())])
    line[0] = random.choice(["", "0", "000"]) + line[0]
    _insert(draft, random, line, first=draft.team + 1)


def odd_pid(draft: Draft, setting: Setting, random: Random) -> None:
    pid = random.choice(
        ["1e6", "-1", "+1", "1.0", "", "abc", "1 0", "9" * 30, "2147483648", "1_0", "٣", "0x1"]
    )
    _insert(draft, random, [pid, *_fresh(setting, random)], first=draft.team + 1)


def too_few(draft: Draft, setting: Setting, random: Random) -> None:
    line = draft.lines[random.choice(draft.playlists())]
    del line[-random.choice([1, 2, 250, 499, 500]) :]


def too_many(draft: Draft, setting: Setting, random: Random) -> None:
    line = draft.lines[random.choice(draft.playlists())]
    given = setting.seeds.get(int(line[0]) if line[0].isdecimal() else -1, frozenset())
    line += sorted(setting.known.difference(line, given))[: random.choice([1, 2, 100])]


def repeat_track(draft: Draft, setting: Setting, random: Random) -> None:
    line = draft.lines[random.choice(draft.playlists())]
    one, other = random.sample(range(1, len(line)), 2)
    line[one] = line[other]


def malformed_track(draft: Draft, setting: Setting, random: Random) -> None:
    good = random.choice(setting.tracks)
    track = good[14:]
    bad = [
        track, good[:-1], good + "a", "", "x", good.upper(), "Spotify" + good[7:],
        good.replace("track", "album"), good + ":", good[:-1] + "_", good[:-1] + "é", good[:-1] + "-",
        good[:-1] + "\uff11", good[:-1] + "\u00b9", good.replace(":", ";"), good[:7] + ":" + good[7:],
        good[:20] + " " + good[21:], f'"{good}"', f"'{good}'", "spotify:local:a:b:c:1",
        "https://open.spotify.com/track/" + track,
    ]  # fmt: skip
    _replace_track(draft, random, random.choice(bad))


def seed(draft: Draft, setting: Setting, random: Random) -> None:
    rows = [row for row in draft.playlists() if draft.lines[row][0].isdecimal()]
    line = draft.lines[random.choice([row for row in rows if int(draft.lines[row][0]) in setting.seeds])]
    line[random.randrange(1, len(line))] = random.choice(sorted(setting.seeds[int(line[0])]))


def unknown_track(draft: Draft, setting: Setting, random: Random) -> None:
    _replace_track(draft, random, uri(random.randrange(1_000, 10**9)))


def no_team(draft: Draft, setting: Setting, random: Random) -> None:
    heading = [[], [["pid", "tracks"]], [["name"]], [["teaminfo", "a", "a@b.org"]]]
    draft.lines[draft.team : draft.team + 1] = random.choice(heading)


def team_later(draft: Draft, setting: Setting, random: Random) -> None:
    team = draft.lines.pop(draft.team)
    draft.lines.insert(random.randint(draft.playlists()[0] + 1, len(draft.lines)), team)


def two_teams(draft: Draft, setting: Setting, random: Random) -> None:
    _insert(draft, random, list(draft.lines[draft.team]), first=draft.team + 1)


def malformed_team(draft: Draft, setting: Setting, random: Random) -> None:
    draft.lines[draft.team] = random.choice(
        [
            ["team_info"], ["team_info", "a@b.org"], ["team_info", "", "a@b.org"],
            ["TEAM_INFO", "a", "a@b.org"],
            ["team_info", "a", "other", "a@b.org"], ["team_info", "a", "Main", "a@b.org"],
            ["team_info", "a", "b", "main", "a@b.org"], ["team_info", "a", "main", "a@b.org", ""],
            ["team_info ", "a\u2028b", "a@b.org"], ["team_information", "a", "a@b.org"],
            ["team_info", "a\x9bb", "a@b.org"], ["team_info", "\u00a0a", "a@b.org"],
        ]
    )  # fmt: skip


def malformed_email(draft: Draft, setting: Setting, random: Random) -> None:
    bad = [
        "",
        "a",
        "a@b",
        "a@@b.org",
        "a b@c.org",
        "a@b..org",
        "@b.org",
        "a@b.org.",
        "a@.org",
        "<a@b.org>",
        "a;b@c.de",
    ]
    draft.lines[draft.team][-1] = random.choice(bad)


def control_character(draft: Draft, setting: Setting, random: Random) -> None:
    _insert(draft, random, ["# a" + chr(random.choice([0, 1, 8, 11, 12, 13, 27, 31, 127])) + "b"])


def wrong_encoding(draft: Draft, setting: Setting, random: Random) -> None:
    if random.random() < 0.3:
        draft.begin = b"\xef\xbb\xbf"
    else:
        odd = random.choice([b"\xe9", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5"])
        _insert(draft, random, ["# a" + odd.decode("utf-8", "surrogateescape")])


def long_line(draft: Draft, setting: Setting, random: Random) -> None:
    _insert(draft, random, [random.choice(["x", "1,", " "]) * 70_000 + "x"])


def zipped(draft: Draft) -> None:
    draft.zipped, draft.name = True, "s.csv.gz"


def damaged_gzip(draft: Draft, setting: Setting, random: Random) -> None:
    zipped(draft)
    ways: list[Callable[[bytes, Random], bytes]] = [
        lambda data, random: data[: random.randint(2, len(data) - 1)],
        lambda data, random: (
            data + random.choice([b"x", b"more than ten bytes", b"\x1f\x8b", b"\x1f\x8b\x08"])
        ),
        lambda data, random: data[:-8] + bytes([data[-8] ^ 1]) + data[-7:],
        lambda data, random: data[:-1] + bytes([data[-1] ^ 128]),
    ]
    draft.finish.append(random.choice(ways))


def nothing(draft: Draft, setting: Setting, random: Random) -> None:
    draft.lines, draft.last_end = [[]], False


def only_comments(draft: Draft, setting: Setting, random: Random) -> None:
    draft.lines = [["# one"], [""], ["  # two"]]


BREAKING: dict[str, Sequence[Way]] = {
    "missing-pid": [drop_playlist],
    "unknown-pid": [foreign_playlist],
    "repeated-pid": [repeat_playlist],
    "non-integer-pid": [odd_pid],
    "wrong-track-count": [too_few, too_many],
    "repeated-track": [repeat_track],
    "malformed-uri": [malformed_track],
    "seed-included": [seed],
    "unknown-track": [unknown_track],
    "missing-team-info": [no_team],
    "team-info-not-first": [team_later],
    "repeated-team-info": [two_teams],
    "malformed-team-info": [malformed_team],
    "malformed-email": [malformed_email],
    "control-character": [control_character],
    "wrong-encoding": [wrong_encoding],
    "line-too-long": [long_line],
    "damaged-gzip": [damaged_gzip],
    "empty-file": [nothing],
    "only-comments": [only_comments],
}
"""By the one rule that each way breaks; names of files are in NAMES."""


def comments(draft: Draft, setting: Setting, random: Random) -> None:
    said = ["#", "", "  \t", "# é 🎵", "#team_info,a,b", " # 1,2", "#" + "x" * 70_000, " " * 70_000, "# \x85"]
    _insert(draft, random, *([each] for each in random.choices(said, k=random.randint(1, 4))))


def spaces(draft: Draft, setting: Setting, random: Random) -> None:
    draft.comma = random.choice([", ", " ,", "\t,  ", " , "])


def windows(draft: Draft, setting: Setting, random: Random) -> None:
    draft.end = "\r\n"


def no_last_end(draft: Draft, setting: Setting, random: Random) -> None:
    draft.last_end = False


def of_2018(draft: Draft, setting: Setting, random: Random) -> None:
    draft.lines[draft.team].insert(2, random.choice(["main", "creative"]))


def other_team(draft: Draft, setting: Setting, random: Random) -> None:
    names = ["é 🎵", "team_info", "#", "a" * 5000, "=1+1", "spotify:track:", '"a"', "\u202ea"]
    draft.lines[draft.team][1:] = [
        random.choice(names),
        random.choice(["a.b+c@b-c.co.uk", "é@ü.de", "a@b.c"]),
    ]


def pieces(draft: Draft, setting: Setting, random: Random) -> None:
    """Several gzip members in one file."""
    draft.zipped, draft.name = False, "s.csv.gz"

    def pack(data: bytes, random: Random) -> bytes:
        at = random.randint(0, len(data))
        return gzip.compress(data[:at], 1) + gzip.compress(data[at:], 1)

    draft.finish.append(pack)


def padded(draft: Draft, setting: Setting, random: Random) -> None:
    zipped(draft)
    draft.finish.append(lambda data, random: data + b"\0" * random.choice([1, 8, 512]))


HARMLESS: Sequence[Sequence[Way]] = (
    [comments], [spaces], [windows], [no_last_end], [of_2018, other_team], [pieces, padded],
)  # fmt: skip
"""What no rule forbids; of those in one list one at a time."""


def harmless(random: Random) -> list[Way]:
    """Some ways to change a submission that keep it valid."""
    return [random.choice(ways) for ways in random.sample(HARMLESS, random.randint(0, 3))]


def name_of_file(draft: Draft, random: Random) -> set[str]:
    """Give the file the name of the other kind; return the rule that breaks."""
    draft.name = "s.csv" if draft.zipped else random.choice(["s.csv.gz", "s.GZ"])
    return {"gzip-named-plain" if draft.zipped else "plain-named-gzip"}


EDITS = [
    b"", b",", b" ", b"\t", b"\r", b"\n", b"\r\n", b"#", b"\x0b", b"\x1c", b"\xc2\xa0", b"\xe2\x80\xa8",
    b":", b"a", b"0", b"_", b"\xc3\xa9", b"\xef\xbb\xbf", b"\0", b"\xff", b"-1", b"spotify:track:",
    b"team_info", b"1000000", b"@", b".", b",,", b"\x85", b"\n\n", b"\n#", b"\x1f\x8b", b"PK\x03\x04",
]  # fmt: skip


def edited(data: bytes, random: Random) -> bytes:
    """A few bytes of a file changed, where that says most: at its beginning, a comma or an end of line."""
    for _ in range(random.randint(1, 3)):
        at = random.randint(0, len(data))
        place = random.random()
        if place < 0.3:
            at = random.randint(0, min(len(data), 60))
        elif place < 0.7:
            at = max(data.find(random.choice([b",", b"\n"]), at) + random.choice([-1, 0, 1]), 0)
        end = at + random.choice([0, 0, 1, 2, 22, 37, 600])
        data = data[:at] + random.choice(EDITS) + data[end:]
    return data
