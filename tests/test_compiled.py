"""The cache of compiled kernels: never out of date, never damaged, and not needed."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.extending import is_jitted

import challenge
from challenge import compiled
from challenge.code_hash import code_hash
from challenge.compiled import KernelCache, kernel, signals_later
from challenge.profile import profiled

HELPER = """\
from challenge.compiled import kernel
FACTOR = 2

@kernel(inline="always")
def inlined(x):
    return x + 1

@kernel()
def called(x):
    return x * 10
"""
MAIN = """\
from challenge.compiled import kernel
from toy_kernels import helper
from toy_kernels.helper import FACTOR, called, inlined

def made(constant):
    @kernel()
    def closure(x):
        return x + constant
    return closure

@kernel()
def main(x):
    return called(inlined(x)) + FACTOR * 1000
"""
KERNEL_MODULES = (
    "data.distinct",
    "lightgcn.kernels.cpu",
    "ranking.first_places",
    "ranking.forest",
    "ranking.pair_features",
    "sources.kernels",
    "sources.least_squares",
    "sources.merge",
    "sources.postings",
    "sources.selection",
    "sources.sparse",
    "sources.search.cpu",
    "split.holdout",
)
Load = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache in this test."""
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def load(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Write a package of two modules and import it as a new process would, each with some text replaced."""
    package = tmp_path / "toy_kernels"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget() -> None:
        for name in ("toy_kernels", "toy_kernels.helper", "toy_kernels.main"):
            sys.modules.pop(name, None)

    def imported(*, helper: tuple[str, str] = ("", ""), main: tuple[str, str] = ("", "")) -> Any:
        for name, text, change in (("helper", HELPER, helper), ("main", MAIN, main)):
            assert change[0] in text
            (package / f"{name}.py").write_text(text.replace(*change) if change[0] else text)
            os.utime(package / f"{name}.py", (1_700_000_000, 1_700_000_000))
        forget()
        importlib.invalidate_caches()
        return importlib.import_module("toy_kernels.main")

    yield imported
    forget()


def hits(function: Any) -> int:
    return sum(function.stats.cache_hits.values())


# -- what was compiled before is used again, and only that ----------------------------------------


def test_a_second_process_compiles_nothing(load: Load, folder: Path) -> None:
    first = load()
    assert (first.main(4), hits(first.main)) == (2050, 0)
    assert [path.suffix for path in folder.iterdir()] == [".kernel"] * 2, "main, and what it calls"
    again = load()
    assert (again.main(4), hits(again.main)) == (2050, 1)
    assert (again.main(0.5), hits(again.main)) == (2015.0, 1), "other types are compiled on their own"


@pytest.mark.usefixtures("folder")
def test_compiling_is_told_once_and_has_its_own_row_of_cost(
    load: Load, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled.listener, "told", False)
    with profiled() as costs:
        load().main(4)
    assert told == ["Compiling inner loops, which are kept for later commands"]
    seconds = costs["compile"].seconds
    assert seconds > 0
    with profiled() as costs:
        load().main(4)
    assert not costs
    with profiled() as costs:
        load().main(0.5)
    assert costs["compile"].seconds > 0
    assert len(told) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"helper": ("x + 1", "x + 2")}, 2060),
        ({"helper": ("x * 10", "x * 20")}, 2100),
        ({"helper": ("FACTOR = 2", "FACTOR = 3")}, 3050),
        ({"main": ("called(", "helper.called(")}, 2050),
        ({"main": ("inlined(x)", "inlined(2 * x)")}, 2090),
        ({"main": ("@kernel()\ndef main", "@kernel(fastmath=True)\ndef main")}, 2050),
    ],
)
def test_a_change_is_noticed_in_whatever_file_it_is(load: Load, change: Any, expected: int) -> None:
    """Names, times and most sizes of the files stay as they were."""
    assert load().main(4) == 2050
    changed = load(**change)
    assert (changed.main(4), hits(changed.main)) == (expected, 0)
    assert hits(load().main) == 0
    before = load()
    assert (before.main(4), hits(before.main)) == (2050, 1), "the code before the change is still there"


def test_what_a_module_of_the_package_holds_is_followed(load: Load) -> None:
    by_module = ("called(inlined(x)) + FACTOR", "helper.called(inlined(x)) + helper.FACTOR")
    assert load(main=by_module).main(4) == 2050
    assert load(main=by_module, helper=("FACTOR = 2", "FACTOR = 3")).main(4) == 3050
    assert load(main=by_module, helper=("x * 10", "x * 20")).main(4) == 2100


def test_a_comment_changes_nothing(load: Load) -> None:
    load().main(4)
    commented = load(helper=("    return x + 1", "    # one more\n    return x + 1"))
    assert (commented.main(4), hits(commented.main)) == (2050, 1)


def test_closures_over_other_constants_are_kept_apart(load: Load) -> None:
    module = load()
    assert (module.made(1)(5), module.made(2)(5)) == (6, 7)
    again = load()
    one, two = again.made(1), again.made(2)
    assert (one(5), two(5), hits(one), hits(two)) == (6, 7, 1, 1)


def test_arrays_are_told_apart_by_what_they_hold() -> None:
    def reading(array: Any) -> Any:
        @kernel()
        def first() -> Any:
            return array[0]  # pragma: no cover - compiled

        return first

    same, equal, other = (reading(np.array(values)) for values in ([1, 2], [1, 2], [1, 3]))
    assert code_hash(same) == code_hash(equal) != code_hash(other)


def test_a_kernel_that_cannot_be_told_apart_is_not_kept(folder: Path) -> None:
    thing = object()

    @kernel()
    def main(x: int) -> int:
        return x if thing is None else x + 1  # pragma: no cover - compiled

    with pytest.raises(TypeError, match="a kernel refers to <object object"):
        code_hash(main)
    assert main._cache._path("signature", None) is None


# -- damage ---------------------------------------------------------------------------------------


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def test_a_damaged_file_is_made_anew(load: Load, folder: Path) -> None:
    load().main(4)
    (path,) = folder.glob("toy_kernels.main.main-*")
    whole = path.read_bytes()
    places = [0, 31, 32, 40, len(whole) // 2, len(whole) - 1]
    damaged = [b"", whole[:20], whole[:32], whole[: len(whole) // 2], whole[:-1], whole + b"x"]
    for content in [*damaged, *(flipped(whole, place) for place in places)]:
        path.write_bytes(content)
        module = load()
        assert (module.main(4), hits(module.main)) == (2050, 0)
        mended = load()
        assert (mended.main(4), hits(mended.main)) == (2050, 1)


# -- where it lies --------------------------------------------------------------------------------


def test_without_a_folder_it_is_compiled_all_the_same(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "cache_folder", lambda: None)
    module = load()
    assert (module.main(4), hits(load().main), module.main.stats.cache_path) == (2050, 0, "")
    module.main._cache.flush()


def test_a_full_disk_is_no_failure(load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiled, "write_bytes", full)
    assert load().main(4) == 2050
    assert list(folder.iterdir()) == []


def test_the_first_folder_that_can_be_written_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("CHALLENGE_CACHE", str(tmp_path / "user"))
    found = compiled.cache_folder.__wrapped__
    assert found() == Path(compiled.__file__).parent / "__pycache__" / "kernels"
    (tmp_path / "package").write_text("a file, so that no folder can be made below")
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "package" / "compiled.py"))
    assert found() == tmp_path / "user" / "kernels"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "named"))
    assert found() == tmp_path / "named" / "challenge"
    (tmp_path / "named" / "challenge").chmod(0o777)
    assert found() == tmp_path / "user" / "kernels", "not one that others may write to"
    monkeypatch.setattr(compiled, "_writable", lambda folder: False)
    assert found() is None


def test_only_the_files_used_last_are_kept(load: Load, folder: Path) -> None:
    module = load()
    module.main(4)
    (own,) = folder.glob("toy_kernels.main.main-*")
    for number in range(compiled.MAX_FILES + 5):
        path = folder / f"toy_kernels.main.main-{number:03d}.kernel"
        path.write_text("old")
        os.utime(path, (number + 1, number + 1))
    other = folder / "toy_kernels.main.mainly-0.kernel"
    other.write_text("of another kernel")
    os.utime(other, (0, 0))
    module.main(0.5)
    left = set(folder.glob("toy_kernels.main.main-*"))
    assert len(left) == compiled.MAX_FILES
    assert own in left
    assert folder / "toy_kernels.main.main-006.kernel" not in left
    assert other.exists()
    module.main._cache.flush()
    assert {path.name for path in folder.glob("toy_kernels.main.*")} == {other.name}


def test_processes_at_once_do_not_disturb_each_other(load: Load, folder: Path, tmp_path: Path) -> None:
    load()
    code = "from toy_kernels.main import main; print(main(4), sum(main.stats.cache_hits.values()))"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "shared")}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *sys.path])
    command = [sys.executable, "-c", code]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    printed = [process.communicate()[0].split() for process in [start(), start(), start()]]
    assert [result for result, _ in printed] == ["2050"] * 3
    assert start().communicate()[0].split() == ["2050", "1"]


# -- the package's own kernels --------------------------------------------------------------------


def test_all_kernels_of_the_package_have_this_cache() -> None:
    root = Path(challenge.__file__).parent
    direct = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(r"\bnjit\(|\b(nb|numba)\.jit", path.read_text())
    }
    assert direct == {"compiled.py"}, "numba's own cache looks at one file only"


def kernel_hashes() -> dict[str, str]:
    """Hash of each kernel of the package, by name."""
    modules = [importlib.import_module(f"challenge.{name}") for name in KERNEL_MODULES]
    found = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if is_jitted(value)
    }
    gather = importlib.import_module("challenge.lightgcn.kernels.cpu")._gather_sum
    found |= {f"gather_sum {half}": gather(8, half=half, masked=True) for half in (False, True)}
    assert all(isinstance(value._cache, KernelCache) for value in found.values())
    return {name: code_hash(value) for name, value in found.items()}


def test_kernels_of_the_package_are_found_again_by_another_process() -> None:
    code = "import json; from tests import test_compiled; print(json.dumps(test_compiled.kernel_hashes()))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "77"}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    here = kernel_hashes()
    assert json.loads(result.stdout) == here
    assert len(here) >= 20
    assert here["gather_sum True"] != here["gather_sum False"]


# -- signals --------------------------------------------------------------------------------------


class Heard(BaseException):
    """What the handler of a test raises."""


@pytest.fixture
def handled() -> Iterator[None]:
    """A handler of SIGTERM and SIGALRM that raises."""

    def hear(number: int, _: Any) -> None:
        raise Heard(number)

    before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handled")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGALRM])
def test_a_signal_waits_until_machine_code_is_loaded(
    number: signal.Signals, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load().main(1) == 2020  # compiled, and kept
    module, loaded = load(), KernelCache.load_overload

    def while_loading(self: KernelCache, *arguments: Any) -> Any:
        signal.raise_signal(number)
        return loaded(self, *arguments)

    monkeypatch.setattr(KernelCache, "load_overload", while_loading)
    with pytest.raises(Heard):
        module.main(1)
    monkeypatch.undo()
    assert len(module.main.signatures) == 1, "loaded nevertheless"
    assert module.main(1) == 2020
    with pytest.raises(Heard):
        signal.raise_signal(number)


@pytest.mark.usefixtures("handled")
def test_an_error_comes_before_the_signal_that_waited() -> None:
    def fail() -> None:
        with signals_later():
            signal.raise_signal(signal.SIGTERM)
            raise KeyError

    with pytest.raises(Heard) as caught:
        fail()
    assert isinstance(caught.value.__context__, KeyError)


def test_a_second_signal_kills() -> None:
    asked = """
import signal
from challenge.compiled import signals_later
signal.signal(signal.SIGTERM, lambda *_: print("heard"))
with signals_later():
    signal.raise_signal(signal.SIGTERM)
    print("once", flush=True)
    signal.raise_signal(signal.SIGTERM)
    print("twice", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "once\n")


def test_what_is_ignored_or_default_stays_so_and_threads_do_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_later():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)

    def enter() -> Any:
        with signals_later():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(enter).result() == signal.getsignal(signal.SIGINT)


def test_parallel_loops_are_refused() -> None:
    with pytest.raises(ValueError, match="dealt out to threads"):
        compiled.kernel(parallel=True)


SUMS = """
import hashlib, numpy as np, scipy.sparse as sp, torch
from challenge.lightgcn.kernels.base import Layout
from challenge.lightgcn.kernels.cpu import CompiledKernel
from challenge.sources.factorise import FactorisationConfig, factorise
from challenge.sources.search.cpu import pair_products
matrix = sp.random(700, 500, 0.1, "csr", np.float32, random_state=1)
rows, columns = factorise(matrix, FactorisationConfig(embedding_size=24, iterations=2))
pairs = np.arange(500, dtype=np.int32)
products = pair_products(rows, columns, pairs, pairs)
scale = np.linspace(0.1, 3, 700, dtype=np.float32)
layout = Layout(24, torch.device("cpu"))
gather = CompiledKernel(matrix.indptr.astype(np.int64), matrix.indices, scale, layout)
total, following = torch.ones(700, 24), torch.empty(700, 24)
gather.apply(torch.from_numpy(columns), total, following, 0.3)
for result in (rows, columns, products, total.numpy(), following.numpy()):
    print(hashlib.sha256(result.tobytes()).hexdigest())
"""


def test_results_are_those_of_the_process_that_compiled(tmp_path: Path) -> None:
    """Sums in any order are in the same order, whether the code was compiled here or read."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", SUMS], env=environment, capture_output=True, text=True, check=True
        )
        for _ in range(2)
    )
    assert "Compiling" not in second.stderr
    assert first.stdout == second.stdout
    assert len(set(first.stdout.split())) == 5
