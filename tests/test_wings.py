"""The wings of the house import only from those below them."""

import re
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
    "studies",
    "terminal",
    "processes",
    "words",
    "files",
    "errors",
)
"""From top to bottom."""


IMPORT = re.compile(r"^ *(?:from|import) (mtl\.[\w.]+)", re.MULTILINE)
"""At the top of a file or inside functions; ruff holds it to one module a line."""
PUBLIC_CLASS = re.compile(r"^class ([^\W_]\w*)", re.MULTILINE)


@cache
def text_of(file: Path) -> str:
    return file.read_text()


def wing(module: str) -> str:
    return module.split(".")[1]


def test_every_room_lies_in_a_wing():
    rooms = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith("__")}
    assert rooms == set(WINGS)


def test_imports_point_downwards():
    upwards = [
        f"{file.relative_to(PACKAGE.parent)} imports {module}"
        for place, name in enumerate(WINGS)
        for file in [*PACKAGE.glob(f"{name}.py"), *(PACKAGE / name).rglob("*.py")]
        for module in IMPORT.findall(text_of(file))
        if WINGS.index(wing(module)) < place
    ]
    assert upwards == []


def test_imports_are_found():
    text = "import mtl.one\nfrom mtl.two.three import x\n\n\ndef f():\n    from mtl.four import y\n"
    assert IMPORT.findall(text) == ["mtl.one", "mtl.two.three", "mtl.four"]
    assert PUBLIC_CLASS.findall("class A(B):\n    class C:\n\n\nclass _D:\n") == ["A"]


def test_names_exist_once():
    """Two rooms that call different things by one name can't be told apart in a traceback."""
    homes: dict[str, list[str]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        for name in PUBLIC_CLASS.findall(text_of(file)):
            homes.setdefault(name, []).append(str(file.relative_to(PACKAGE)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
