"""Each error's message and exit code."""

from __future__ import annotations

import errno
from concurrent.futures.process import BrokenProcessPool

import pytest
import typer

from challenge.cli.errors import EXIT_CODES, explain, report_errors
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
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "x.json"),
            3,
            "x.json: no such file",
            None,
        ),
        (FileExistsError(errno.EEXIST, "File exists", "out"), 3, "out: file exists", None),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 3, "/x: permission denied", None),
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
    assert code in EXIT_CODES or code == 141, "every code is documented"


def test_errors_end_the_process_and_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, report_errors(traceback=False):
        raise FormatError("odd [brackets] stay", hint="look")
    assert caught.value.exit_code == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Error: odd [brackets] stay\nHint: look\n"


def test_traceback_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), report_errors(traceback=True):
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
