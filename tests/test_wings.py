"""The wings of the house import only from those below them."""

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "mtl"
WINGS = (
    "cli",
    "runs",
    "learning",
    "model",
    "data",
    "drawing",
    "config",
    "terminal",
    "processes",
    "words",
    "files",
    "errors",
)
"""From top to bottom."""


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def wing(module: str) -> str:
    return module.split(".")[1]


def imports(file: Path) -> list[str]:
    """Modules of the package that a file imports, at its top or inside functions."""
    found = []
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mtl."):
            found.append(node.module or "")
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("mtl.")]
    return found


def test_every_room_lies_in_a_wing():
    rooms = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith("__")}
    assert rooms == set(WINGS)


def test_imports_point_downwards():
    upwards = [
        f"{file.relative_to(PACKAGE.parent)} imports {module}"
        for place, name in enumerate(WINGS)
        for file in [*PACKAGE.glob(f"{name}.py"), *(PACKAGE / name).rglob("*.py")]
        for module in imports(file)
        if WINGS.index(wing(module)) < place
    ]
    assert upwards == []


def test_names_exist_once():
    """Two rooms that call different things by one name can't be told apart in a traceback."""
    homes: dict[str, list[str]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in parsed(file).body:
            public = isinstance(node, ast.ClassDef) and not node.name.startswith("_")
            if public:
                homes.setdefault(node.name, []).append(str(file.relative_to(PACKAGE)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
