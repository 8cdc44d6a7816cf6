from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from challenge.submission.parser import MAX_PID, list_uris, parse_careful, parse_plain
from challenge.submission.rules import Rule, Violations
from tests.small_submissions import playlist, tracks, uri


def test_plain_line_gives_pid_and_uris_in_order() -> None:
    line = parse_plain(4, playlist(1_000_003).encode())
    assert line is not None
    assert (line.number, line.pid, line.uris) == (4, 1_000_003, [each.encode() for each in tracks()])


def test_plain_line_may_have_spaces_and_tabs_round_commas() -> None:
    spaced = playlist(7).replace(",", " \t,  ").encode()
    assert parse_plain(1, spaced) == parse_plain(1, playlist(7).encode())


def test_careful_reading_names_fields_and_counts() -> None:
    fields = [*tracks(0, 497), "spotify:track:short", uri(5)]
    violations = Violations()
    line = parse_careful(9, playlist(12, fields).encode(), violations)
    assert [(v.rule, v.line, v.pid, v.message) for v in violations] == [
        (Rule.WRONG_TRACK_COUNT, 9, 12, "499 tracks, expected 500"),
        (Rule.MALFORMED_URI, 9, 12, "field 499: 'spotify:track:short'"),
        (Rule.REPEATED_TRACK, 9, 12, f"'{uri(5)}' 2 times"),
    ]
    assert line.uris == [each.encode() for each in tracks(0, 497)]


def test_long_lists_of_faults_are_cut() -> None:
    violations = Violations()
    parse_careful(1, playlist(1, ["x"] + tracks()[:493] + [f"bad{n}" for n in range(6)]).encode(), violations)
    (violation,) = violations
    assert violation.message.endswith("field 499: 'bad3'; and 2 more")


def _mutate(line: bytes, kind: str, at: int, piece: bytes) -> bytes:
    at %= len(line) + 1
    if kind == "insert":
        return line[:at] + piece + line[at:]
    if kind == "delete":
        return line[:at] + line[at + max(len(piece), 1) :]
    if kind == "overwrite":
        return line[:at] + piece + line[at + len(piece) :]
    fields = line.split(b",")
    fields[at % len(fields)] = piece if kind == "field" else fields[at % 7]
    return b",".join(fields)


PIECES = [
    b"",
    b",",
    b" ",
    b"\t",
    b":",
    b", ",
    b" ,",
    b"a",
    b"0",
    b"_",
    b"-",
    b"\0",
    b"\r",
    b"\xff",
    b"\xc3\xa9",
]
PIECES += [b"spotify:track:", b"spotify:track:" + b"a" * 22, b"spotify:album:" + b"a" * 22, b"12", b",," * 3]
PIECES += [uri(3).encode(), b"spotify:track:" + b"a" * 21, b"spotify:track:" + b"a" * 23, b"9" * 11, b"+1"]
change = st.tuples(
    st.sampled_from(["insert", "delete", "overwrite", "field", "repeat"]),
    st.integers(0, 20_000),
    st.sampled_from(PIECES) | st.binary(max_size=3),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(change, max_size=3))
@example([("overwrite", 10, b"spotify:track:" + b"a" * 21), ("overwrite", 50, b"b")])
def test_plain_reading_accepts_nothing_that_careful_reading_would_not(
    changes: list[tuple[str, int, bytes]],
) -> None:
    line = playlist(1_000_000).encode()
    for kind, at, piece in changes:
        line = _mutate(line, kind, at, piece)
    line = line.strip(b" \t")
    violations = Violations()
    careful = parse_careful(1, line, violations)
    plain = parse_plain(1, line)
    assert (plain is not None) == (len(violations) == 0)
    assert plain is None or plain == careful


def test_shifted_field_boundaries_are_not_plain() -> None:
    # One id a letter short and the next a letter long: totals agree, fields do not.
    fields = tracks()
    fields[3], fields[4] = fields[3][:-1], fields[4] + "x"
    assert parse_plain(1, playlist(1, fields).encode()) is None


def test_huge_pid_is_not_accepted() -> None:
    violations = Violations()
    assert parse_plain(1, playlist(2**31).encode()) is None
    assert parse_careful(1, playlist("9" * 5000).encode(), violations).pid is None
    assert parse_careful(2, playlist(2**31).encode(), violations).pid is None
    assert violations.counts == {Rule.NON_INTEGER_PID: 2}


def test_a_line_of_far_too_many_fields_is_not_looked_at_field_by_field() -> None:
    violations = Violations()
    assert parse_careful(1, playlist(3, ["x"] * 1001).encode(), violations).uris == []
    assert violations.counts == {Rule.WRONG_TRACK_COUNT: 1}


def test_up_to_a_few_uris_are_named_and_the_others_counted() -> None:
    few = [b"a", b"b", b"c", b"d", b"e"]
    assert list_uris(few) == "a; b; c; d; e"
    assert list_uris([*few, b"f"]) == "a; b; c; d; e; and 1 more"
    assert list_uris([*few, b"f", b"g"]) == "a; b; c; d; e; and 2 more"
    assert list_uris([b"a\xff"]) == "a\ufffd"


def test_plain_line_may_have_tabs_alone_round_commas() -> None:
    line = playlist(7).encode().replace(b",", b"\t,\t")
    found = parse_plain(3, line)
    assert found is not None
    assert found.uris == [uri.encode() for uri in tracks()]


def test_the_greatest_pid_is_read_carefully_too() -> None:
    violations = Violations()
    assert parse_careful(1, playlist(MAX_PID).encode(), violations).pid == MAX_PID
    assert not violations.counts
    assert parse_careful(1, playlist(MAX_PID + 1).encode(), violations).pid is None
    assert violations.counts == {Rule.NON_INTEGER_PID: 1}
