"""A hash of all that is compiled with a function, wherever in the package it is written.

What numba compiles is bytecode, of the function and of every function that it calls, with the constants,
closures and options that these refer to. The hash is of just that, as it is in memory: an edited comment
does not change it, a constant in another file does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import numpy as np

_CONSTANTS: Final = (bool, int, float, complex, str, bytes, type(None), type(...), np.generic, np.dtype)


def code_hash(kernel: Any) -> str:
    """SHA-256, in hexadecimal, of a kernel's code and options and of whatever these refer to.

    Functions that numba knows by ``overload`` are not followed; attributes of modules are, inside the package
    of the function that names them.

    Raises:
        TypeError: the kernel refers to something of which another process could not tell whether it is equal.
    """
    digest = hashlib.sha256()
    for part in _parts(kernel, set()):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def _parts(value: Any, seen: set[int]) -> Iterator[str]:
    """Texts that together tell a value from any other."""
    if isinstance(value, _CONSTANTS):
        yield f"{type(value).__name__} {value!r}"
    elif isinstance(value, tuple | list | set | frozenset | dict):
        yield f"{type(value).__name__} {len(value)}"
        yield from _items(value, seen)
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield f"array {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif callable(value) or isinstance(value, ModuleType):
        yield from _named(value, seen)
    else:
        raise TypeError(f"a kernel refers to {value!r}, a {type(value).__name__}")


def _items(value: Any, seen: set[int]) -> Iterator[str]:
    items = value.items() if isinstance(value, dict) else value
    each = ["\1".join(_parts(item, seen)) for item in items]
    # Sets have another order in each process.
    yield from each if isinstance(value, tuple | list) else sorted(each)


def _named(value: Any, seen: set[int]) -> Iterator[str]:
    """A function with its code; of what has none that is compiled, the name."""
    function = getattr(value, "__wrapped__", value)  # kernels and intrinsics wrap one
    if not isinstance(function, FunctionType):
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or repr(value)
        yield f"{getattr(value, '__module__', '')} {name}"
    elif id(function) in seen:
        yield f"seen {function.__qualname__}"
    else:
        seen.add(id(function))
        yield from _parts(dict(getattr(value, "targetoptions", {})), seen)
        yield from _function(function, seen)


def _function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield f"function {function.__module__}.{function.__qualname__}"
    yield from _code(function.__code__, seen)
    yield from _parts(function.__defaults__, seen)
    for cell in function.__closure__ or ():
        yield from _parts(cell.cell_contents, seen)
    names = sorted(_names(function.__code__))
    for name in names:
        if name in function.__globals__:
            yield from _global(function, name, names, seen)


def _global(function: FunctionType, name: str, names: list[str], seen: set[int]) -> Iterator[str]:
    """A global that a function names, and of a module of the same package its attributes named there."""
    value = function.__globals__[name]
    yield name
    yield from _parts(value, seen)
    if isinstance(value, ModuleType) and _package(value.__name__) == _package(function.__module__):
        for attribute in names:
            if hasattr(value, attribute):
                yield attribute
                yield from _parts(getattr(value, attribute), seen)


def _package(module: str) -> str:
    return module.partition(".")[0]


def _code(code: CodeType, seen: set[int]) -> Iterator[str]:
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    yield f"code {code.co_code.hex()} {names}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant, seen)
        else:
            yield from _parts(constant, seen)


def _names(code: CodeType) -> set[str]:
    """Names that a function and those inside it look up."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inner)
