"""The changes that mutation testing makes, and a short form of ``make bench-mutants``."""

from __future__ import annotations

import re
import subprocess
import sys
from types import CodeType, FunctionType

from benchmarks._mutate import mutants
from benchmarks.mutants import Result, table

SOURCE = '''\
"""Words."""
LIMIT = 3

class Shop:
    def price(self, count: int, *, member: bool = False) -> int:
        """Of so many."""
        if count < 0:
            raise ValueError(f"{count} things")
        total = 2 * count
        if member and count > 10:
            total -= 1
        return total

@kernel()
def compiled(x):
    return x + 1
'''


def price(code: CodeType, count: int, member: bool) -> object:
    try:
        return FunctionType(code, {})(None, count, member=member)
    except (ValueError, ZeroDivisionError) as error:
        return "refused" if isinstance(error, ValueError) else error


def test_each_mutant_is_another_function() -> None:
    found = list(mutants(SOURCE, "shop.py"))
    assert {mutant.function for mutant in found} == {"Shop.price"}
    changes = {(mutant.line, mutant.before, mutant.after) for mutant in found}
    assert len(changes) == len(found)
    for change in (
        (7, "count < 0", "count <= 0"),
        (9, "2 * count", "2 / count"),
        (9, "2", "3"),
        (10, "member and count > 10", "member or count > 10"),
        (11, "total -= 1", "total += 1"),
        (11, "total -= 1", "pass"),
        (12, "return total", "return"),
    ):
        assert change in changes
    assert not [change for change in changes if "things" in change[1] and change[2] != "pass"]
    asked = [(count, member) for count in (-1, 0, 1, 10, 11) for member in (False, True)]
    plain = ["refused"] * 2 + [0, 0, 2, 2, 20, 20, 22, 21]
    for mutant in found:
        assert [price(mutant.code, *each) for each in asked] != plain, mutant


def test_what_survives_is_printed_and_counted() -> None:
    target = "challenge/ranking/first_places.py"
    command = [sys.executable, "-m", "benchmarks.mutants", target, "--share", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    row = re.search(rf"\| {target} \| (\d+) \| (\d+) \| (\d+) \|", done.stdout)
    assert row is not None, done.stdout + done.stderr
    mutants, noticed, survived = map(int, row.groups())
    assert mutants == noticed + survived
    assert 0 < noticed <= 10
    assert done.stdout.count(f"{target}:") == survived


def test_table() -> None:
    results = [
        Result("challenge/split", "f.py", 1, "f", "a", "b", 3, survived) for survived in (False, False, True)
    ]
    assert "| challenge/split | 3 | 2 | 1 | 66.7% |" in table(results)
