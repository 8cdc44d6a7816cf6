"""How options behave on the command line, beyond what their declarations say."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Any, Final

_WHOLE_NUMBERS: Final = ("IntRange", "IntParamType")


class PlainParameters:
    """Mixed into commands: flags name no type in their help, and wrong values are refused in plain words.

    The command line's library tells the type of a parameter in one way or another, by its version, so types
    are looked for in both places.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, with the word that stands for their value in the help."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
            elif _is_whole_number(parameter):
                parameter.metavar = parameter.metavar or "N"
        return parameters

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; a value that does not fit is told with what was expected."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc,no-any-return]
        except Exception as error:
            parameter, message = getattr(error, "param", None), getattr(error, "message", None)
            if parameter is not None and message:
                error.message = _plain_message(parameter, message, given)  # type: ignore[attr-defined]
            raise


def _is_whole_number(parameter: Any) -> bool:
    annotation = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    if annotation is int or int in typing.get_args(annotation):
        return True
    return type(getattr(parameter, "type", None)).__name__ in _WHOLE_NUMBERS


def _plain_message(parameter: Any, message: str, args: Sequence[str]) -> str:
    if not _is_whole_number(parameter):
        return message.removeprefix("Value error, ")
    low, high = _limit(parameter, "min"), _limit(parameter, "max")
    default = parameter.default
    example = default if isinstance(default, int) and default >= (low or 0) else max(low or 0, 1)
    bound = "" if low is None else f" of at least {low}" if high is None else f" from {low} to {high}"
    return f"found {_value_of(parameter, args)!r}; expected a whole number{bound}, such as {example}."


def _limit(parameter: Any, name: str) -> int | None:
    limit: int | None = getattr(parameter, name, None)
    return getattr(getattr(parameter, "type", None), name, None) if limit is None else limit


def _value_of(parameter: Any, args: Sequence[str]) -> str:
    """The value that the arguments give an option, the last one where there are several."""
    value = ""
    for arg, following in zip(args, [*args[1:], ""], strict=True):
        name, separator, joined = arg.partition("=")
        if name in parameter.opts:
            value = joined if separator else following
    return value
