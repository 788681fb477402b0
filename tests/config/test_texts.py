"""Names that Hydra's own mappings can't hold are given as a text in quotes."""

import shlex

import pytest

from mtl.config.load import load
from mtl.config.overrides import parse
from mtl.config.texts import untexted, written
from mtl.errors import UserError

COLUMNS = {"Prüfling": "image", "Größe (µm)": "numbers", "Befund": "label"}


def test_what_is_told_can_be_typed() -> None:
    assert written("data.columns", {"Datei": "image", "a b": "label"}) == (
        "data.columns={Datei: image, a b: label}"
    )
    odd = {"a, b": "image", "it's": "label", "x: y": "numbers", "true": "label", "1": "mask"}
    for columns in (COLUMNS, odd):
        (typed,) = shlex.split(written("data.columns", columns))
        assert untexted({"columns": parse(typed).value()}) == {"columns": columns}


def test_the_remedy_for_umlauts_is_one() -> None:
    root = ["data=csv", "data.root=."]
    columns = ", ".join(f"{name}: {role}" for name, role in COLUMNS.items())
    with pytest.raises(UserError) as told:
        load([*root, f"data.columns={{{columns}}}"], needs_data=False)
    remedy = str(told.value).rpartition("; write ")[2]
    cfg = load([*root, *shlex.split(remedy)], needs_data=False)
    assert dict(cfg.data.columns) == COLUMNS


def test_texts_of_a_mixture_are_read() -> None:
    node = {"sets": {"a": {"columns": "{ü: image}", "root": "x"}}, "merge": {}}
    assert untexted(node) == {"sets": {"a": {"columns": {"ü": "image"}, "root": "x"}}, "merge": {}}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("'{ü: image'", r"data\.columns=\{ü: image: is no mapping; write data\.columns='\{NAME"),
        ("'{ü}'", r"data\.columns=\{ü\}: is no mapping"),
        ("Datei", r"data\.columns=Datei: is no mapping; write \{NAME: image"),
    ],
)
def test_what_is_no_mapping_is_told(columns: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(["data=csv", "data.root=.", f"data.columns={columns}"], needs_data=False)
