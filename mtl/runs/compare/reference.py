"""The row that the others are held against."""

from collections.abc import Mapping, Sequence

from mtl.config.nearest import listing, nearest
from mtl.errors import UserError

PLAIN = ("weighting", "equal")
"""The choice that is the reference unless another is asked for."""


def reference_row(settings: Sequence[Mapping[str, str]], asked: str | None) -> int:
    """The place of the reference among the rows.

    Args:
        settings: of each row, column to text.
        asked: ``weighting=pcgrad``, several such with blanks between them, or the text of a setting
            alone; None for the first with ``weighting=equal``, else the first.

    Raises:
        UserError: no row is so, or several are.
    """
    if asked is None:
        column, text = PLAIN
        plain = [i for i, row in enumerate(settings) if row.get(column) == text]
        return plain[0] if plain else 0
    fitting = [i for i, row in enumerate(settings) if _fits(row, asked)]
    if len(fitting) == 1:
        return fitting[0]
    names = [" ".join(f"{key}={text}" for key, text in row.items() if text) for row in settings]
    if fitting:
        several = listing(f"'{names[i]}'" for i in fitting)
        raise UserError(f"reference={asked}: fits {len(fitting)} rows; choose one of {several}")
    texts = [text for row in settings for text in row.values() if text]
    near = nearest(asked, [*names, *texts])
    hint = f"; did you mean '{near[0]}'?" if near else "."
    raise UserError(f"reference={asked}: no row is so{hint} There are: {listing(names)}")


def _fits(row: Mapping[str, str], asked: str) -> bool:
    if asked in row.values():
        return True
    parts = [part.partition("=") for part in asked.split()]
    return bool(parts) and all(equals and row.get(key) == text for key, equals, text in parts)
