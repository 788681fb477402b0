"""Paths as users write them: ``~`` for the home folder, relative to where the command began."""

from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

from mtl.config.mixture import nested
from mtl.errors import UserError


def settle_places(values: MutableMapping[str, Any], base: Path | None = None) -> None:
    """Write out every path of a configuration, in place.

    Args:
        values: the whole configuration, plain.
        base: what relative paths are relative to where that isn't the current folder.

    Raises:
        UserError: a data folder is empty text, which would mean the current folder.
    """
    for where, data in nested(values["data"]).items():
        for key in [key for key in data if key.startswith("root")]:
            if isinstance(data[key], str) and not data[key].strip():
                raise UserError(f"{where}.{key}= is empty: write {where}.{key}=FOLDER")
            _settle(data, key, base)
        for key in [key for key in data if key.endswith("_dir")]:
            _settle(data, key, base)
    for logger in values.get("logger", {}).values():
        _settle(logger, "store", base)
    _settle(values.get("init", {}), "run", base)
    for backbone in (values["backbone"], *(values["encoder"].get("backbones") or [])):
        _settle(backbone, "weights", base, lambda text: text not in ("none", "imagenet"))


def _settle(
    node: MutableMapping[str, Any],
    key: str,
    base: Path | None,
    is_path: Callable[[str], bool] = bool,
) -> None:
    text = node.get(key)
    if isinstance(text, str) and is_path(text):
        path = Path(text).expanduser() if text.startswith("~") else Path(text)
        moved = base / path if base is not None else path
        if moved != Path(text):
            node[key] = str(moved)
