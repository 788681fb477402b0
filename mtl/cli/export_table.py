"""What ``mtl export`` shows before it writes."""

from pathlib import Path

from rich.filesize import decimal

from mtl.cli.table import print_rows
from mtl.runs.export.export import Made
from mtl.runs.export.parity import Row
from mtl.terminal import say

MOST_NAME = 16
"""Letters of an image's name that are shown, its last ones."""
DIFFERS = "differs"


def show_and_write(made: Made, against: str, images: str) -> None:
    """The table of how far an export is from what it was made of; then its files.

    Args:
        made: the export.
        against: what it was held against.
        images: on which, in words.

    Raises:
        RunError: see ``Made.write``.
        UserError: likewise.
    """
    say(f"against {against} on {images}:")
    header = ["task", "compared", "largest", "allowed", "", "on image"]
    styles = {DIFFERS: "bold red", "ok": "green"}
    print_rows([_cells(row) for row in made.rows], header=header, right=[2, 3], styles=styles)
    made.write()
    for path, content in made.contents.items():
        say(f"written to {path} ({decimal(len(content))})")


def _cells(row: Row) -> list[str]:
    """Narrow enough for 80 columns."""
    found, image = row.difference, Path(row.image).name if row.difference.found else ""
    fits = image if len(image) <= MOST_NAME else f"…{image[1 - MOST_NAME :]}"
    verdict = "ok" if found.fine else DIFFERS
    return [row.task, found.what, f"{found.found:.2g}", f"{found.tolerance:g}", verdict, fits]
