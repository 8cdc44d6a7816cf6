"""Each error's message and exit code."""

from __future__ import annotations

import errno
import signal
from concurrent.futures.process import BrokenProcessPool

import pytest
import typer

from challenge.cli.errors import EXIT_CODES, explain, report_errors
from challenge.cli.streams import Stopped
from challenge.errors import (
    ConfigError,
    FormatError,
    InvalidSubmissionError,
    InvariantError,
    ResourceError,
    suggestion,
)


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


@pytest.mark.parametrize(
    ("error", "code", "message", "hint"),
    [
        (FormatError("a.zip: cut off", hint="fetch it again"), 3, "a.zip: cut off", "fetch it again"),
        (ConfigError("bad"), 2, "bad", None),
        (InvalidSubmissionError("bad"), 4, "bad", None),
        (ResourceError("bad"), 5, "bad", None),
        (InvariantError("bad"), 70, "bad", None),
        (KeyboardInterrupt(), 130, "what was finished is kept", None),
        (OSError(errno.ENOENT, "No such file", "x.json"), 3, "x.json: no such file", "see whether the path"),
        (OSError(errno.EEXIST, "File exists", "out"), 3, "out: is there already", "name another"),
        (OSError(errno.EACCES, "Permission denied", b"/x"), 3, "/x: permission denied", "name another"),
        (
            OSError(errno.ENOTDIR, "Not a directory", "/x"),
            3,
            "/x: a file stands where",
            "name another folder",
        ),
        (OSError(errno.ENAMETOOLONG, "Too long", "xxx"), 3, "xxx: the name is too long", "choose a shorter"),
        (OSError(errno.EROFS, "Read-only", "/x"), 5, "/x: the file system is read-only", "name a folder"),
        (OSError(errno.EMFILE, "Too many", "/x"), 5, "/x: too many files are open", "raise the limit"),
        (OSError(errno.EXDEV, "Invalid cross-device link", "/x"), 5, "/x: invalid cross", "name another"),
        (OSError(errno.EBADF, "Bad file descriptor"), 70, "unexpected OSError", "this is a mistake"),
        (OSError("a library's own words"), 70, "unexpected OSError", "this is a mistake"),
        (OSError(errno.ENOSPC, "No space left", "/big"), 5, "/big: the disk is full", "free some space"),
        (OSError(errno.ENOSPC, "No space left"), 5, "the disk is full", "free some space"),
        (
            MemoryError("Unable to allocate 31 GiB"),
            5,
            "out of memory (Unable to allocate 31 GiB)",
            "close other",
        ),
        (
            OutOfMemoryError("CUDA out of memory.\nTried"),
            5,
            "out of memory (CUDA out of memory.)",
            "close other",
        ),
        (BrokenProcessPool(), 5, "a worker process was killed", "most often"),
        (RuntimeError("can't start new thread"), 5, "no more threads may be started", "see ulimit"),
        (Stopped(signal.SIGTERM), 143, "what was finished is kept", None),
        (Stopped(signal.SIGHUP), 129, "what was finished is kept", None),
        (KeyError("pid"), 70, "unexpected KeyError: 'pid'", "this is a mistake in the program"),
        (BrokenPipeError(), 141, "", None),
    ],
)
def test_table_of_errors(error: BaseException, code: int, message: str, hint: str | None) -> None:
    report = explain(error)
    assert report.exit_code == code
    assert report.message.startswith(message)
    assert (report.hint or "").startswith(hint or "")
    assert (report.hint is None) == (hint is None)
    assert code in EXIT_CODES, "every code is documented"


def test_errors_end_the_process_and_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, report_errors(traceback=False):
        raise FormatError("odd [brackets] stay", hint="look")
    assert caught.value.code == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Error: odd [brackets] stay\nHint: look\n"


def test_traceback_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), report_errors(traceback=True):
        raise ValueError("here")
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.index("Traceback") < err.index("Error: unexpected ValueError: here")


def test_a_code_of_its_own_passes() -> None:
    with pytest.raises(typer.Exit) as caught, report_errors(traceback=False):
        raise typer.Exit(9)
    assert caught.value.exit_code == 9


def test_the_nearest_known_name_is_suggested() -> None:
    known = ("popularity", "title", "title_knn", "lightgcn", "iALS")
    assert suggestion("popularty", known) == "did you mean popularity?"
    assert suggestion("LightGNC", known) == "did you mean lightgcn?"
    assert suggestion("ials", known) == "did you mean iALS?"
    assert suggestion("titel_knn", known) == "did you mean title_knn?"
    assert suggestion("xyz", known) is None
    assert suggestion("title", ()) is None
