import ast
import atexit
import contextlib
import gc
import io
import os
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

gc.disable()  # until all is imported

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("MTL_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))


PROCESSES = {"subprocess", "fresh"}
TRAINS = {"fit", "train", *PROCESSES}
"""What a test module imports that trains or starts processes."""
NUMBERS = count()
"""Of the tests' folders."""
ANY = rf"\b({'|'.join(TRAINS)})\b"
MENTIONS = re.compile(rf"^(import|from|def) .*{ANY}|^from .*\([^)]*{ANY}|^pytestmark", re.MULTILINE)
"""Whether it may import or define one of them, or mark all its tests."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-combinations",
        action="store_true",
        help="the whole product of each matrix, instead of a sample with every pair of its values",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """See ``covering.py``."""
    matrices = [mark.kwargs for mark in metafunc.definition.iter_markers("matrix")]
    if matrices:
        from covering import covering

        chosen = covering(matrices, metafunc.config.getoption("all_combinations"))
        metafunc.parametrize(list(matrices[0]), chosen)


@cache
def names_in(file: Path) -> frozenset[str]:
    """What a module defines and imports, and ``@slow`` where it marks all its tests so.

    Nothing where it can have none of the names that are asked for: parsing takes longer than that.
    """
    found: set[str] = set()
    text = file.read_text()
    if not MENTIONS.search(text):
        return frozenset()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign) and ast.unparse(node) == "pytestmark = pytest.mark.slow":
            found.add("@slow")
    return frozenset(found)


def is_slow(file: Path) -> bool:
    """Modules that train or start processes, and contracts, which go through every member."""
    return file.parent.name == "contracts" or bool(names_in(file) & {*TRAINS, "@slow"})


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without slow tests nothing of such modules is imported."""
    left_out = config.option.markexpr == "not slow" and collection_path.match("test_*.py")
    return True if left_out and is_slow(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """``slow`` for all tests of such modules; others carry the mark themselves.

    Files that take long come first, so that at the end whichever of pytest's workers has time left
    finds something short.
    """
    first: dict[Path, tuple[bool, int]] = {}
    for item in items:
        names = names_in(item.path)
        if is_slow(item.path):
            item.add_marker("slow")
        slow = item.get_closest_marker("slow") is not None
        _, before = first.get(item.path, (False, 0))
        first[item.path] = (not names & PROCESSES, before - slow)
    items.sort(key=lambda item: first[item.path])


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """What tests start processes with is forked before any of them has run.

    What has been imported, a million objects, is never looked through for garbage, and what has
    been once, and is still there, not again; of what tests make, configurations leave much that is
    no sooner of use again than this.
    """
    gc.freeze()
    gc.set_threshold(50_000)
    gc.callbacks.append(keep_survivors)
    gc.enable()
    started = any(item.get_closest_marker("slow") for item in session.items)
    if started and "fresh" in sys.modules and not session.config.option.collectonly:
        sys.modules["fresh"].serve()


def keep_survivors(phase: str, info: Mapping[str, int]) -> None:
    """What is kept between tests for those to come is most of it: seconds for each look."""
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()


def pytest_sessionfinish() -> None:
    if keep_survivors in gc.callbacks:
        gc.callbacks.remove(keep_survivors)
    if "fresh" in sys.modules:
        sys.modules["fresh"].stop()


@atexit.register
def leave(own: int = os.getpid()) -> None:
    """Workers are asked nothing more: taking apart what they have imported takes them seconds."""
    gc.unfreeze()  # extensions say what they find left at the end
    if "PYTEST_XDIST_WORKER" in os.environ and os.getpid() == own:
        os._exit(0)


@pytest.fixture(autouse=True, scope="session")
def quick_composition() -> Iterator[None]:
    """See ``quick_composition.py``."""
    from quick_composition import composing_quickly

    with composing_quickly():
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_pictures() -> Iterator[None]:
    """See ``quick_pictures.py``; nothing heavy is imported for it."""
    if "torch" not in sys.modules:
        yield
        return
    from quick_pictures import drawing_quickly

    with drawing_quickly():
        yield


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As pytest's own, which looks through the folders of all tests before for a free number."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    folder = tmp_path_factory.getbasetemp() / f"{name}{next(NUMBERS)}"
    folder.mkdir(mode=0o700)
    return folder


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """A folder of real data by name; skips where it is absent."""

    def find(name: str) -> Path:
        folder = SHARED_DATA / name
        if not folder.is_dir():
            pytest.skip(f"{folder} is absent (MTL_SHARED_DATA names its parent)")
        return folder

    return find


@pytest.fixture
def mtl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command in this process, in an empty folder."""
    from mtl.cli.main import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
        return Result(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without the library that draws charts, which takes seconds to bundle."""
    monkeypatch.setattr("mtl.runs.page.write.chart_library", lambda: "")


@pytest.fixture
def stub_train(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A training that only remembers what it was called with; set ``act`` for more."""
    module = types.ModuleType("mtl.runs.train")
    module.calls = []
    module.act = lambda cfg, folder: {"val/score": float(cfg.lr)}

    def train(cfg, folder, baselines=None):
        module.calls.append((cfg, folder))
        return module.act(cfg, folder)

    module.train = train
    monkeypatch.setitem(sys.modules, "mtl.runs.train", module)
    return module
