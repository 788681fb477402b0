"""Reading an exported file back, be it one's own or a stranger's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl.config.nearest import listing
from mtl.errors import BadFile, UserError
from mtl.runs.export.formats import FORMATS
from mtl.runs.export.runner import Runner
from mtl.runs.export.understood import understood


@dataclass(frozen=True)
class Exported:
    """A file that ``mtl export`` wrote, ready to run.

    Args:
        path: of the file.
        description: what it says of itself; see ``mtl.runs.export.description``.
        run: takes a batch of images as ``description["input"]`` tells, gives the outputs by name;
            raises ``BadFile`` where the graph can't be run on them.
    """

    path: Path
    description: Mapping[str, Any]
    run: Runner


def read(path: Path) -> Exported:
    """Open an exported file; nothing in it is run but the graph, and that on what goes in.

    Args:
        path: of the file.

    Raises:
        UserError: there is no such file, it is of no format that can be read, or a package is
            missing.
        BadFile: it is not one of ours, of another version, holds what none of ours holds, or is of
            a format whose files may do harm.
    """
    forms = {form.suffix: name for name, form in FORMATS.items()}
    name = forms.get(path.suffix)
    if name is None:
        raise UserError(f"{path}: an exported file ends in {listing(forms)}")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    form = FORMATS[name]
    if not form.reader:
        safe = listing(name for name, other in FORMATS.items() if other.reader)
        raise BadFile(path, f"is not read: {form.unsafe}; export the run as {safe}")
    form.refuse_missing(name)
    text, run = form.load_reader().read(path)
    description = understood(text, path)
    try:
        outputs = [output for task in description["tasks"].values() for output in task["outputs"]]
        known = isinstance(description["input"]["shape"], list) and bool(outputs)
    except (KeyError, TypeError) as error:
        raise BadFile(path, "its description lacks inputs or outputs") from error
    if not known:
        raise BadFile(path, "its description lacks inputs or outputs")
    return Exported(path, description, run)
