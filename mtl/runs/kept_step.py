"""The step that a run kept because its loss was not finite; nothing here imports torch."""

from pathlib import Path
from typing import Any

from mtl.config.paths import NOT_FINITE
from mtl.errors import BadFile, UserError
from mtl.files import read_json

BATCH = "batch.json"


def kept_step(run: Path) -> tuple[dict[str, Any], list[list[tuple[int, int]]]]:
    """What ``batch.json`` says of a step whose loss was not finite, and the keys of its samples.

    Args:
        run: the folder of the run that failed.

    Raises:
        UserError: nothing was kept.
        BadFile: what was kept can't be read.
    """
    path = run / NOT_FINITE / BATCH
    kept = read_json(path)
    if not kept:
        raise UserError(f"no {path}: no loss of this run was not finite, or it is of an older mtl")
    try:
        keys = [[(int(e), int(p)) for e, p in batch] for batch in kept["batches"]]
        wanted = {"task": str, "epoch": int, "step": int, "later": int, "samples": list}
        wanted |= {"eval": list, "retired": list}
        right = all(isinstance(kept[key], kind) for key, kind in wanted.items())
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(path, f"does not say which batch it was ({error})") from error
    if not right:
        raise BadFile(path, "does not say which batch it was")
    return kept, keys
