"""Small changes to the source of functions, each of which a test should notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import CodeType
from typing import Any, Final, NamedTuple

_PAIRS: Final = (
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
    (ast.BitAnd, ast.BitOr),
    (ast.Break, ast.Continue),
)
_SWAPS: Final[Mapping[type[ast.AST], type[ast.AST]]] = {
    **dict(_PAIRS),
    **{two: one for one, two in _PAIRS},
    **dict.fromkeys((ast.FloorDiv, ast.Mod, ast.Pow), ast.Mult),
}
_NO_MATTER: Final = ("hint", "strict")
"""Arguments that change words only, or check what holds anyway."""
_COMPILED: Final = "kernel"
"""Functions with this decorator are machine code by the time they are called."""


class Mutant(NamedTuple):
    """One change.

    Attributes:
        line: where in the file.
        function: qualified name of the outermost function that it is in.
        before, after: source of what is changed.
        code: of that function, changed.
    """

    line: int
    function: str
    before: str
    after: str
    code: CodeType


def mutants(source: str, filename: str) -> Iterator[Mutant]:
    """Yield every mutant of the functions of a module."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        node.number = number  # type: ignore[attr-defined]
    for name, function in _functions(tree):
        for node in _changeable(function):
            for change in _changes(node):
                changed = copy.deepcopy(tree)
                place = next(each for each in ast.walk(changed) if each.number == node.number)  # type: ignore[attr-defined]
                change(place)
                ast.fix_missing_locations(changed)
                before, after = ast.unparse(node), ast.unparse(place)
                if ast.dump(node) != ast.dump(place):
                    code = code_of(compile(changed, filename, "exec"), name, function.lineno)
                    yield Mutant(node.lineno, name, before, after, code)  # type: ignore[attr-defined]


def code_of(code: CodeType, name: str, line: int) -> CodeType:
    """Find the code of a function in that of its module; ``line`` is that of its ``def`` or a decorator."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == name and constant.co_firstlineno <= line:
                return constant
            if name.startswith(f"{constant.co_qualname}."):
                return code_of(constant, name, line)
    raise LookupError(name)


def _functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef) and _COMPILED not in map(_name, child.decorator_list):
            yield prefix + child.name, child


def _name(decorator: ast.expr) -> str:
    return ast.unparse(decorator).partition("(")[0]


def _changeable(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function's body but for words: docstrings, messages and types."""
    fields = (
        [node.body] if isinstance(node, ast.FunctionDef) else [value for _, value in ast.iter_fields(node)]
    )
    for value in fields:
        for child in value if isinstance(value, list) else [value]:
            words = isinstance(child, ast.JoinedStr) or _is_docstring(child) or _is_phrase(child)
            words |= isinstance(child, ast.keyword) and child.arg in _NO_MATTER
            words |= isinstance(node, ast.AnnAssign) and child is node.annotation
            words |= isinstance(node, ast.Raise) and child is node.cause
            if isinstance(child, ast.AST) and not words:
                yield child
                if not isinstance(child, ast.Raise):
                    yield from _changeable(child)


def _is_docstring(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_phrase(node: object) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value


def _changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    """The ways to change a node in its place."""
    yield from _changes_of_operators(node)
    if isinstance(node, ast.Constant) and node.value is not None:
        yield lambda it: setattr(it, "value", _other(it.value))
    elif isinstance(node, ast.Return) and ast.unparse(node) not in ("return", "return None"):
        yield lambda it: setattr(it, "value", None)
    elif isinstance(node, ast.Expr):
        yield lambda it: setattr(it, "value", ast.Constant(None))
    elif isinstance(node, ast.Raise | ast.AugAssign | ast.Break | ast.Continue):
        yield lambda it: setattr(it, "__class__", _SWAPS.get(type(it), ast.Pass))
    elif isinstance(node, ast.Slice):
        yield lambda it: setattr(it, "lower", None)
        yield lambda it: setattr(it, "upper", None)
    elif isinstance(node, ast.Call):
        for number, argument in enumerate(node.keywords):
            if argument.arg not in (None, *_NO_MATTER):
                yield partial(_leave_out, number=number)


def _changes_of_operators(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    if isinstance(node, ast.Compare):
        for number in range(len(node.ops)):
            yield partial(_swap, number=number)
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in _SWAPS:
        yield lambda it: setattr(it, "op", _SWAPS[type(it.op)]())
    elif isinstance(node, ast.UnaryOp):
        yield lambda it: setattr(it, "operand", ast.UnaryOp(it.op, it.operand))
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Compare):
        yield lambda it: setattr(it, "test", ast.UnaryOp(ast.Not(), it.test))


def _swap(node: ast.Compare, *, number: int) -> None:
    operator: Any = _SWAPS[type(node.ops[number])]
    node.ops[number] = operator()


def _leave_out(node: ast.Call, *, number: int) -> None:
    node.keywords.pop(number)


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, str | bytes):
        return value[:-1] if value else value
    return value + 1
