"""The files that a comparison is written to."""

import json
from pathlib import Path

from mtl.files import printable, write_all
from mtl.runs.compare.comparison import Comparison
from mtl.runs.compare.output.csv_file import as_csv
from mtl.runs.compare.output.json_file import as_values
from mtl.runs.compare.output.latex import as_latex
from mtl.runs.compare.output.markdown import as_markdown
from mtl.runs.page.answers import Answers


def write(comparison: Comparison, folder: Path, answers: Answers | None = None) -> list[Path]:
    """Write all forms, or none.

    Args:
        comparison: to write.
        folder: made where it is missing.
        answers: what it comes to, with which the texts begin.

    Returns:
        The files.
    """
    texts = {
        "comparison.csv": as_csv(comparison),
        "comparison.json": json.dumps(as_values(comparison), indent=2, ensure_ascii=False) + "\n",
        "comparison.md": as_markdown(comparison, answers),
        "comparison.tex": as_latex(comparison, answers),
    }
    contents = {folder / name: printable(text).encode() for name, text in texts.items()}
    write_all(contents)
    return [*contents]
