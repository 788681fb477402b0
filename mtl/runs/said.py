"""What the jobs of a sweep say once."""

from collections.abc import Iterable
from pathlib import Path

from mtl.config.paths import in_sweep

_SAID: dict[Path, set[str]] = {}
"""By the sweep's folder."""


def unsaid(folder: Path, lines: Iterable[str]) -> list[str]:
    """The lines that no earlier job of the same sweep has said in this process.

    Args:
        folder: of the run; outside a sweep every line is said.
        lines: what there is to say.
    """
    if not in_sweep(folder):
        return list(lines)
    said = _SAID.setdefault(folder.parent, set())
    new = [line for line in lines if line not in said]
    said.update(new)
    return new
