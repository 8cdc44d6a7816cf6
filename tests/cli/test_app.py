"""The command as a person runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from challenge import __version__, compiled, threads
from challenge.cli import doctor as doctor_module
from challenge.cli.app import COMMANDS, build_app, with_shared_options
from challenge.cli.errors import EXIT_CODES
from challenge.compiled import cache_folder
from challenge.errors import FormatError
from challenge.evaluation.defaults import RESAMPLES
from challenge.evaluation.variants import CHOICES
from challenge.machine import disk_free, memory
from challenge.sample.options import SampleOptions
from challenge.split.options import SplitOptions
from challenge.workflows.systems import USUAL

HEAVY = ("torch", "numpy", "scipy", "numba", "lightgbm")


def test_help_starts_without_heavy_packages() -> None:
    code = (
        "import sys\nfrom challenge.cli.app import build_app\n"
        "try:\n    build_app()(['--help'], prog_name='challenge')\n"
        f"finally:\n    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert all(meaning in done.stdout for meaning in EXIT_CODES.values())
    assert "sample" in done.stdout


def test_every_command_has_help_that_tells_what_it_reads_and_writes() -> None:
    runner = CliRunner()
    app = build_app()
    for command in app.registered_commands:
        result = runner.invoke(app, [str(command.name), "--help"])
        assert result.exit_code == 0
        assert command.name in COMMANDS
        assert "--traceback" in result.stdout
        assert "Reads" in result.stdout or "Writes" in result.stdout, command.name


def test_help_tells_the_defaults_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    split, sample = SplitOptions(), SampleOptions()
    expected = {
        ("score", "--resamples"): f"[default: {RESAMPLES}]",
        ("score", "--variant"): ", ".join(CHOICES),
        ("compare", "--systems"): f"[default: {','.join(USUAL)}]",
        ("sample", "--playlists"): f"[default: {sample.playlists}]",
        ("sample", "--per-category"): f"[default: {sample.per_category}]",
    }
    for command in ("split", "compare"):
        expected[command, "--kind"] = f"[default: ({split.kind})]"
        expected[command, "--draw"] = f"[default: ({split.draw})]"
        expected[command, "--per-category"] = f"[default: ({split.per_category})]"
    for (command, option), text in expected.items():
        printed = CliRunner().invoke(build_app(), [command, "--help"]).stdout
        (line,) = (line for line in printed.splitlines() if f" {option} " in line)
        assert text in line


def test_version() -> None:
    assert CliRunner().invoke(build_app(), ["--version"]).stdout == f"challenge {__version__}\n"


def test_sample_prints_json_alone_on_stdout(tmp_path: Path) -> None:
    options = ["--playlists", "100", "--per-category", "2", "-o", str(tmp_path), "--threads", "1"]
    result = CliRunner().invoke(build_app(), ["sample", *options, "--json"])
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert facts["playlists"] == 100
    assert facts["challenge_playlists"] == 20
    assert zipfile.is_zipfile(facts["mpd"])
    assert "make the sample: done, 100 playlists" in result.stderr
    again = CliRunner().invoke(build_app(), ["sample", *options, "--quiet"])
    assert again.stderr == ""
    assert "mpd.zip" in again.stdout
    assert f"challenge run --mpd {tmp_path}/mpd.zip" in again.stdout


def test_usage_errors_end_with_2() -> None:
    result = CliRunner().invoke(build_app(), ["sample", "--playlists", "5"])
    assert result.exit_code == 2
    assert "--playlists" in result.stderr


def _app_of(command: object) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    app.command("try")(with_shared_options(command))  # type: ignore[arg-type]
    return app


def test_shared_options_are_added_and_errors_become_codes() -> None:
    seen = []

    def command(number: Annotated[int, typer.Option("--number")] = 1) -> None:
        """Read a number.

        This text
        is one paragraph.
        """
        seen.append((number, threads.thread_count()))
        if number < 0:
            raise FormatError("negative", hint="give more")

    app = _app_of(command)
    assert CliRunner().invoke(app, ["try", "--number", "4", "--threads", "3"]).exit_code == 0
    failed = CliRunner().invoke(app, ["try", "--number", "-1", "--threads", "2"])
    assert failed.exit_code == 3
    assert failed.stderr == "Error: negative\nHint: give more\n"
    assert seen == [(4, 3), (-1, 2)]
    assert "This text is one paragraph." in CliRunner().invoke(app, ["try", "--help"]).stdout


def heed_ctrl_c() -> None:
    """Tests in the background of a script are started deaf to Ctrl-C, and so would be what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_stopped_says_so_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "challenge", "sample", "-o", str(tmp_path), "--playlists", "500000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c) as process:
        assert process.stderr is not None
        while "started" not in (line := process.stderr.readline()):
            assert line, "it ended before it was stopped"
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == code
    assert "Stopped: what was finished is kept" in rest
    assert list(tmp_path.iterdir()) == []


def test_a_stop_before_within_or_after_the_command_itself() -> None:
    """While options are read, compiled code calls back or an object is made, and while the process ends.

    An object that was cut short complains when it goes: at once, or with the error that ends the process.
    """
    code = """
import atexit, ctypes, os, signal, sys, time
from challenge.cli import app

def stop(*_):
    os.kill(os.getpid(), signal.SIGTERM)

def call_back(*_):
    ctypes.CFUNCTYPE(None)(stop)()
    time.sleep(60)

class Half:
    def __init__(self, *_):
        stop()
    def __del__(self):
        self.missing.close()

def hold(*_):
    half = Half.__new__(Half)
    stop()

when = sys.argv.pop(1)
if when == "after":
    atexit.register(stop)
else:
    app._Command.parse_args = {"before": stop, "within": call_back, "half": Half, "held": hold}[when]
app.main()
"""
    told = "Stopped: what was finished is kept\n"
    # Once all is done, nothing is raised into what Python and torch do at the end.
    for when, expected, words in (
        ("before", 143, told),
        ("within", 143, told),
        ("half", 143, told),
        ("held", 143, told),
        ("after", -signal.SIGTERM, ""),
    ):
        command = [sys.executable, "-c", code, when, "settings"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (expected, words), when


def test_doctor_finds_what_is_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(build_app(), ["doctor", "--json", "--quiet", "--cache", str(tmp_path)])
    facts = json.loads(result.stdout)
    found = {finding["topic"]: finding for finding in facts["findings"]}
    assert result.exit_code == (0 if facts["ok"] else 5)
    assert found["challenge"]["found"] == __version__
    assert found["torch"]["ok"]
    assert found["device"]["found"].startswith(("cpu", "cuda"))
    assert str(tmp_path) in found["cache folder"]["found"]
    assert found["compiled kernels"]["found"].startswith(f"{cache_folder()}, ")


def test_doctor_tells_where_no_kernels_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "cache_folder", lambda: None)
    finding = doctor_module._kernels()
    assert (finding.ok, finding.found) == (True, "not kept: no folder for them can be written")


def test_doctor_ends_with_5_where_something_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "_PACKAGES", ("numpy", "no_such_package"))
    result = CliRunner().invoke(build_app(), ["doctor"])
    assert result.exit_code == 5
    assert "no_such_package: run make setup" in result.stdout
    assert "Something vital is missing." in result.stdout


def test_threads_follow_the_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(threads, "_CGROUP_V2", quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for text, expected in (("150000 100000", 2), ("max 100000", 8), ("nonsense", 8), ("5000 100000", 1)):
        quota.write_text(text)
        assert threads.available_cpus() == expected
    quota.unlink()
    old = tmp_path / "cpu.cfs_quota_us"
    monkeypatch.setattr(threads, "_CGROUP_V1", old)
    old.write_text("300000")
    (tmp_path / "cpu.cfs_period_us").write_text("100000")
    assert threads.available_cpus() == 3
    threads.use_threads(5)
    assert threads.thread_count() == 5
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_memory_follows_the_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from challenge import machine

    whole = memory()
    assert 0 < whole.available <= whole.total
    for name, text in (
        ("_V2_LIMIT", "3000000"),
        ("_V2_USED", "2500000"),
        ("_V2_STATISTICS", "inactive_file 400000"),
    ):
        (tmp_path / name).write_text(text + "\n")
        monkeypatch.setattr(machine, name, tmp_path / name)
    assert memory() == machine.Memory(3_000_000, 900_000)
    assert disk_free(tmp_path / "not" / "there") > 0
