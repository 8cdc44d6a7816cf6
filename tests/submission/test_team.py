from __future__ import annotations

import pytest

from challenge.errors import ConfigError
from challenge.submission.rules import Rule, Violations
from challenge.submission.team import TeamInfo, parse_team_info


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("team_info,Name,a@b.org", TeamInfo("Name", "a@b.org")),
        ("team_info, My awesome name , a.b+c@b-c.co.uk", TeamInfo("My awesome name", "a.b+c@b-c.co.uk")),
        ("team_info,Näme 🎵,main,a@b.org", TeamInfo("Näme 🎵", "a@b.org", "main")),
        ("team_info, Name, creative, a@b.org", TeamInfo("Name", "a@b.org", "creative")),
    ],
)
def test_both_official_forms_are_read(text: str, expected: TeamInfo) -> None:
    violations = Violations()
    assert parse_team_info(text, violations) == expected
    assert len(violations) == 0


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("team_info", Rule.MALFORMED_TEAM_INFO),
        ("team_info,a@b.org", Rule.MALFORMED_TEAM_INFO),
        ("team_info,,a@b.org", Rule.MALFORMED_TEAM_INFO),
        ("team_info,Name,other,a@b.org", Rule.MALFORMED_TEAM_INFO),
        ("team_info,main,Name,a@b.org", Rule.MALFORMED_TEAM_INFO),
        ("team_info,One,Two,main,a@b.org", Rule.MALFORMED_TEAM_INFO),
        ("TEAM_INFO,Name,a@b.org", Rule.MALFORMED_TEAM_INFO),
        ("team_info: Name,x,a@b.org", Rule.MALFORMED_TEAM_INFO),
        ("team_info,Name,nobody", Rule.MALFORMED_EMAIL),
        ("team_info,Name,a@b", Rule.MALFORMED_EMAIL),
        ("team_info,Name,a b@c.de", Rule.MALFORMED_EMAIL),
        ("team_info,Name,a@b@c.de", Rule.MALFORMED_EMAIL),
        ("team_info,Name,a@b..de", Rule.MALFORMED_EMAIL),
        ("team_info,Name,", Rule.MALFORMED_EMAIL),
        ("team_info,Name,main,", Rule.MALFORMED_EMAIL),
    ],
)
def test_each_fault_has_its_rule(text: str, rule: Rule) -> None:
    violations = Violations()
    assert parse_team_info(text, violations, line=3) is None
    assert [(v.rule, v.line) for v in violations] == [(rule, 3)]


@pytest.mark.parametrize("name", ["", "a,b", "a\nb", " a", "a\r", "a\u2028b"])
def test_a_name_that_would_break_the_line_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="team name") as caught:
        TeamInfo(name, "a@b.org")
    assert "--team" in str(caught.value.hint)


def test_line_has_no_spaces_round_commas() -> None:
    assert TeamInfo("A B", "a@b.org").line() == "team_info,A B,a@b.org"
    assert TeamInfo("A B", "a@b.org", "main").line() == "team_info,A B,main,a@b.org"


def test_placeholders_are_named() -> None:
    assert TeamInfo("The Team", "team@our.net").placeholders() == ""
    assert TeamInfo("my team", "team@our.net").placeholders() == "team 'my team' is a placeholder"
    assert TeamInfo("The Team", "a@Example.org").placeholders() == "e-mail 'a@Example.org' is a placeholder"
    assert TeamInfo("The Team", "a@mail.invalid").placeholders().startswith("e-mail ")
    both = TeamInfo("My team", "a@example.org").placeholders()
    assert both == "team 'My team' and e-mail 'a@example.org' are placeholders"
