"""Compiled loops and the cache of their machine code.

:func:`kernel` is numba's ``njit`` with a cache of our own in place of numba's, which looks at one source file
only and so keeps machine code after a function that it inlines from another file has changed. Here the name
of a file in the cache is a hash of everything that was compiled (:mod:`challenge.code_hash`), of the types of
the arguments, the processor, and the versions of Python, numba and LLVM. What changes gets another name, so
nothing in the cache can be out of date.

Every file begins with a checksum of the rest: of a damaged one nothing is run, and it is made anew. Files
appear whole under their names, whichever process writes them. Where nothing can be written nothing is kept.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, wraps
from pathlib import Path
from types import FrameType
from typing import Any, Final

import llvmlite  # type: ignore[import-untyped]
import numba
from numba.core import event
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from challenge import progress
from challenge.code_hash import code_hash
from challenge.errors import ConfigError, InputError, ResourceError
from challenge.files import default_cache_dir, write_bytes
from challenge.permissions import private_folder
from challenge.profile import section

MAX_FILES: Final = 32
"""Files kept of each kernel: one for each combination of argument types, in a few versions."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
_SUFFIX: Final = ".kernel"
_CHECKSUM_BYTES: Final = hashlib.sha256().digest_size


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, and keep its machine code for other processes.

    Args:
        options: as for :func:`numba.njit`; other threads run meanwhile unless ``nogil`` is false.

    Raises:
        ValueError: ``parallel`` is asked for. Numba optimises a parallel loop once for the process that
            compiles it and once more for the cache: with ``fastmath`` the two round differently, and so would
            a first run and a second one. Such loops also took twice as long to compile.
    """
    if options.get("parallel"):
        raise ValueError("a kernel's work is dealt out to threads by challenge.blocks, not by parallel=True")

    def decorate(function: Callable[..., Any]) -> Any:
        compiled = numba.njit(**{"nogil": True, **options})(function)
        if compiled is not function:  # as it is where NUMBA_DISABLE_JIT is set
            compiled._cache = KernelCache(compiled)
            compiled.compile = _without_signals(compiled.compile)
        return compiled

    return decorate


def _without_signals(work: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(work)
    def undisturbed(*arguments: Any, **options: Any) -> Any:
        with signals_later():
            return work(*arguments, **options)

    return undisturbed


@contextmanager
def signals_later() -> Iterator[None]:
    """Let Python's handlers of signals wait until the block ends; a second signal kills.

    LLVM calls back to Python while it makes or loads machine code. What a handler raises there is lost, with
    the code, and the next that uses its address takes the process down.
    """
    if threading.current_thread() is not threading.main_thread():  # where no handler is ever called
        yield
        return
    found = {number: signal.getsignal(number) for number in _SIGNALS}
    handlers = {number: handler for number, handler in found.items() if callable(handler)}
    waiting: list[tuple[signal.Signals, FrameType | None]] = []

    def wait(number: int, frame: FrameType | None) -> None:
        if waiting:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        waiting.append((signal.Signals(number), frame))

    for number in handlers:
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number, frame in waiting:
            handlers[number](number, frame)


@cache
def cache_folder() -> Path | None:
    """Where machine code is kept; None where no folder can be written, or others may write to it too.

    The folder that ``NUMBA_CACHE_DIR`` names, else one beside this module, else one in the user's cache.
    """
    candidates = [Path(__file__).parent / "__pycache__" / "kernels"]
    with suppress(ConfigError):
        candidates.append(default_cache_dir() / "kernels")
    if numba.config.CACHE_DIR:
        candidates.insert(0, Path(numba.config.CACHE_DIR) / "challenge")
    found = next(filter(_writable, candidates), None)
    if found is None:
        progress.message(
            "Compiled loops are kept nowhere, as no folder for them can be written: each command takes a"
            " minute or two to compile them (NUMBA_CACHE_DIR names a folder)"
        )
    return found


def _writable(folder: Path) -> bool:
    try:
        private_folder(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, InputError):
        return False
    return True


class KernelCache:
    """What a dispatcher of numba's asks of its cache, for one kernel."""

    def __init__(self, dispatcher: Any) -> None:
        self._dispatcher = dispatcher
        self._name = f"{dispatcher.__module__}.{dispatcher.__qualname__}".replace("<locals>.", "")

    @property
    def cache_path(self) -> str:
        """The folder, empty where there is none."""
        return str(cache_folder() or "")

    def flush(self) -> None:
        """Remove all files of this kernel."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Give the compiled code for a signature; None where there is none, or it is damaged."""
        target_context.refresh()
        path = self._path(signature, target_context.codegen())
        content = None if path is None else _read_checked(path)
        return None if content is None else CompileResult._rebuild(target_context, *pickle.loads(content))

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep the compiled code for a signature, unless it holds addresses of this process."""
        path = self._path(signature, result.codegen)
        if path is None or result.lifted or result.library.has_dynamic_globals:
            return
        content = dumps(result._reduce())
        with suppress(OSError, ResourceError):  # then the next process compiles it again
            write_bytes(path, hashlib.sha256(content).digest() + content)
            self._tidy()

    def _path(self, signature: Any, codegen: Any) -> Path | None:
        folder = cache_folder()
        if folder is None:
            return None
        try:
            compiled = code_hash(self._dispatcher)
        except TypeError:
            return None
        key = repr((_versions(), compiled, str(signature), codegen.magic_tuple()))
        return folder / f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}{_SUFFIX}"

    def _files(self) -> list[Path]:
        folder = cache_folder()
        return [] if folder is None else list(folder.glob(f"{self._name}-*{_SUFFIX}"))

    def _tidy(self) -> None:
        """Remove the files that were not used for the longest time."""
        by_age = sorted(self._files(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in by_age[MAX_FILES:]:
            path.unlink(missing_ok=True)


class CompilationListener(event.Listener):  # type: ignore[misc]
    """Tells once that kernels are compiled, and adds their time to the section ``compile`` of the profile."""

    def __init__(self) -> None:
        self._begun: list[ExitStack] = []
        self.told = False

    def on_start(self, _: Any) -> None:
        """A kernel, or a function that one calls, is about to be compiled."""
        with ExitStack() as stack:
            if not self._begun:  # what it calls is part of it
                if not self.told:
                    kept = "" if cache_folder() is None else ", which are kept for later commands"
                    progress.message(f"Compiling inner loops{kept}")
                    self.told = True
                stack.enter_context(section("compile"))
            self._begun.append(stack.pop_all())

    def on_end(self, _: Any) -> None:
        """It has been compiled, or could not be."""
        self._begun.pop().close()


listener: Final = CompilationListener()
event.register("numba:compile", listener)


@cache
def _versions() -> tuple[str, ...]:
    return platform.python_version(), numba.__version__, llvmlite.__version__


def _read_checked(path: Path) -> bytes | None:
    """What a file holds behind its checksum; None where it is not there or damaged."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    content = stored[_CHECKSUM_BYTES:]
    if hashlib.sha256(content).digest() != stored[:_CHECKSUM_BYTES]:
        return None
    with suppress(OSError):
        os.utime(path)  # used now
    return content
