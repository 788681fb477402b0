"""``comparison.tex``: a table for a paper, in the manner of the package booktabs."""

from mtl.runs.compare.comparison import Comparison
from mtl.runs.compare.output.basis import at_chance, basis_lines
from mtl.runs.compare.output.plain_table import ShownColumn, lines_of, main_columns
from mtl.runs.compare.output.words import BETTER, WORSE, legend
from mtl.runs.page.answers import Answers

SPECIAL = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "↓": r"$\downarrow$",
}
"""What TeX reads otherwise, or a font may lack."""


def as_latex(comparison: Comparison, answers: Answers | None = None) -> str:
    """A ``tabular``; the best of each column is bold.

    Args:
        comparison: what to write.
        answers: what it comes to, which comments say first.
    """
    columns = main_columns(comparison)
    heads = [column.head for column in columns]
    names = sum(column.names for column in columns)
    over = [_line([escaped(head[i]) for head in heads]) for i in (0, 1) if any(h[i] for h in heads)]
    rows = [_line([_cell(c, row) for c in columns]) for row in lines_of(columns)]
    below = [*legend(comparison, "bold"), *basis_lines(comparison), *at_chance(comparison)]
    lines = [
        *(f"% {line}" for line in ([] if answers is None else answers.in_words)),
        r"% needs \usepackage{booktabs}",
        *(f"% {line}" for line in below),
        rf"\begin{{tabular}}{{{'l' * names}{'r' * (len(columns) - names)}}}",
        r"\toprule",
        *over,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    text = "\n".join(lines) + "\n"
    return text.replace(BETTER, "$^{+}$").replace(WORSE, "$^{-}$")


def escaped(text: str) -> str:
    """Text that TeX prints as it is."""
    return "".join(SPECIAL.get(sign, sign) for sign in text)


def _cell(column: ShownColumn, row: int) -> str:
    shown = column.cells[row]
    text = escaped(shown.text)
    # \boldmath reaches the sign between the numbers, which \textbf leaves thin.
    bold = rf"\textbf{{\boldmath {text}}}" if shown.best else text
    return bold + shown.mark


def _line(cells: list[str]) -> str:
    return f"{' & '.join(cells)} \\\\"
