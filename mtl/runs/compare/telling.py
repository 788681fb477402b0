"""Which of its settings tell a row from the others: what most rows have goes without saying."""

from collections import Counter
from collections.abc import Mapping, Sequence


def telling(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Of each row the settings that it shares with at most half of the rows, itself among them.

    A row that has nothing of its own then, or the same as another, is told by all its settings.

    Args:
        rows: their settings, column to text; empty text where there is no such setting.

    Returns:
        In the order given, without empty texts.
    """
    usual = {column: _usual([row[column] for row in rows]) for column in (rows[0] if rows else ())}
    whole = [{column: text for column, text in row.items() if text} for row in rows]
    short = [{c: text for c, text in own.items() if text != usual[c]} for own in whole]
    alike = Counter(tuple(own.items()) for own in short)
    return [
        own if own and alike[tuple(own.items())] == 1 else whole[place]
        for place, own in enumerate(short)
    ]


def _usual(texts: Sequence[str]) -> str | None:
    """What more than half of them are."""
    text, count = Counter(texts).most_common(1)[0]
    return text if 2 * count > len(texts) else None
