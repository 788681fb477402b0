"""What members of a user's own are written with comes from ``mtl`` itself."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import mtl as public  # `mtl` is the fixture that runs commands

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "mtl"
BASES = {
    "data": ("DataSet", "Source", "TargetKind", "PixelMap", "VectorMap"),
    "preprocess": ("Preprocess",),
    "augmentation": ("Augmentation",),
    "views": ("Views",),
    "backbone": ("Backbone", "Stage"),
    "encoder": ("Encoder",),
    "fusion": ("Fusion",),
    "head": ("Head", "HeadMetrics", "HeadCurves", "HeadSamples"),
    "ensemble": ("Ensemble",),
    "init": ("Init",),
    "weighting": ("LossWeighting", "GramianWeighting", "RowWeighting", "TaskGradients"),
    "unfreezing": ("StageFreezing",),
}
"""Group to what its members are derived from."""
VALUES = ("Sample", "Target", "Boxes", "Batch", "Labelled", "UserError", "BadFile", "RunError")


def imported(file: Path) -> set[str]:
    """Names that a file's ``if TYPE_CHECKING`` imports."""
    blocks = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.If)]
    return {
        alias.asname or alias.name
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def from_mtl(source: str) -> set[str]:
    """Names that a piece of code imports from ``mtl`` itself."""
    return {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module == "mtl"
        for alias in node.names
    }


def test_bases_of_all_groups_and_the_values_between_them_are_public():
    wanted = {name for names in BASES.values() for name in names} | set(VALUES)
    assert wanted <= set(public.__all__)
    assert {"Backbone", "UserError"} <= set(dir(public))


def test_each_name_is_what_its_room_calls_so():
    for name in public.__all__:
        found = getattr(public, name)
        if isinstance(found, type):
            assert found.__name__ == name
            assert getattr(import_module(found.__module__), name) is found


def test_type_checkers_see_the_same_names():
    assert imported(PACKAGE / "__init__.py") | {"__version__"} == set(public.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module .mtl. has no attribute .Bakbone.$"):
        _ = public.Bakbone


def test_importing_mtl_imports_nothing_heavy():
    code = (
        "import sys, mtl; from mtl import UserError, BadFile, RunError; "
        "print([m for m in ('torch', 'numpy', 'cv2', 'hydra') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_examples_in_the_documents_use_public_names():
    pages = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
    seen = set()
    for page in pages:
        for source in re.findall(r"^```python[^\n]*\n(.*?)^```$", page.read_text(), re.M | re.S):
            seen |= from_mtl(source)
            assert "from mtl." not in source, page
    assert {"Backbone", "Head"} <= seen
    assert seen <= set(public.__all__)


def test_the_package_itself_imports_from_the_rooms():
    """Through its public names a room could import upwards unseen."""
    for file in PACKAGE.rglob("*.py"):
        assert from_mtl(file.read_text()) <= {"__version__"}, file
