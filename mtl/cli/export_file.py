"""``mtl export run=FILE``: preprocessing around a file that ``mtl compress`` made."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mtl.config.overrides import key_of
from mtl.config.saved import FILE
from mtl.errors import UserError

FIXED = ("tasks", "any_size", "checkpoint", "calibrated")
"""Keys about what lies fixed in a file."""


def refuse_for_file(path: Path, own: Mapping[str, str], overrides: Sequence[str]) -> None:
    """See that all that is asked for can be done around a file.

    Args:
        path: of the file.
        own: the command's own keys.
        overrides: of the run's configuration.

    Raises:
        UserError: names what can't be done.
    """
    if not path.is_file():
        raise UserError(f"run={path}: no such file")
    if own.get("format", "onnx") != "onnx" or path.suffix != ".onnx":
        raise UserError(f"run={path}: preprocessing is put around ONNX files alone, as format=onnx")
    if own.get("preprocess_in_graph") != "true":
        raise UserError(f"run={path}: is exported already; preprocess_in_graph=true lets images in")
    if not (path.parent / FILE).is_file():
        raise UserError(
            f"run={path}: lies in no folder that mtl compress made; export the run itself with "
            "preprocess_in_graph=true"
        )
    changed = [f"{key}={own[key]}" for key in FIXED if key in own]
    changed += [o for o in overrides if key_of(o).split(".")[0] != "data"]
    if changed:
        raise UserError(
            f"{changed[0]}: is for the folder of a run; a file stays as it is inside, and images "
            "alone to compare on can be others (data.root=, images=)"
        )
