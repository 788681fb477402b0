"""The row that the others are held against."""

from collections.abc import Mapping, Sequence

from mtl.config.nearest import listing, nearest
from mtl.errors import UserError
from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.control import shares_nothing
from mtl.runs.compare.groups import RunGroup

PLAIN = ("weighting", "equal")
"""The choice that is the reference where there is no better one."""


def rows_alone(groups: Sequence[RunGroup]) -> dict[str, int]:
    """The place of the row of each task alone, where no row of several tasks shares nothing.

    Of several rows of a task, as with different learning rates, it is the one with
    ``weighting=equal``, else the first. Empty where a task that others are trained with has none:
    then one row has to be what all is compared with.

    Args:
        groups: the rows.
    """
    if any(_is_control(run) for group in groups for run in group.members):
        return {}
    single: dict[str, list[int]] = {}
    joint: dict[str, None] = {}
    for place, group in enumerate(groups):
        tasks = {tuple(run.tasks) for run in group.members}
        if len(tasks) == 1 and len(only := next(iter(tasks))) == 1:
            single.setdefault(only[0], []).append(place)
        else:
            joint |= dict.fromkeys(task for own in tasks for task in own)
    if not joint or not joint.keys() <= single.keys():
        return {}
    column, text = PLAIN
    return {
        task: next((p for p in places if groups[p].settings.get(column) == text), places[0])
        for task, places in single.items()
    }


def reference_row(groups: Sequence[RunGroup], names: Sequence[str], asked: str | None) -> int:
    """The place of the reference among the rows.

    Args:
        groups: the rows.
        names: of them, as they are printed.
        asked: such a name, ``weighting=pcgrad``, several such with blanks between them, or the text
            of a setting alone. None for the row of several tasks that share nothing, if there are
            others; of several such, or without one, the first with ``weighting=equal``, else the
            first.

    Raises:
        UserError: no row is so, or several are.
    """
    if asked is None:
        return _control(groups)
    settings = [group.settings for group in groups]
    fitting = [i for i, name in enumerate(names) if name == asked]
    fitting = fitting or [i for i, row in enumerate(settings) if _fits(row, asked)]
    if len(fitting) == 1:
        return fitting[0]
    full = [" ".join(f"{key}={text}" for key, text in row.items() if text) for row in settings]
    if fitting:
        several = listing(f"'{full[i]}'" for i in fitting)
        raise UserError(f"reference={asked}: fits {len(fitting)} rows; choose one of {several}")
    texts = [text for row in settings for text in row.values() if text]
    near = nearest(asked, [*names, *full, *texts])
    hint = f"; did you mean '{near[0]}'?" if near else "."
    raise UserError(f"reference={asked}: no row is so{hint} There are: {listing(full)}")


def _control(groups: Sequence[RunGroup]) -> int:
    """Differences to what shares nothing are what sharing comes to."""
    everywhere: list[int] = [*range(len(groups))]
    apart = [i for i in everywhere if all(map(_is_control, groups[i].members))]
    places = apart if 0 < len(apart) < len(groups) else everywhere
    column, text = PLAIN
    plain = [i for i in places if groups[i].settings.get(column) == text]
    return (plain or places)[0]


def _is_control(run: RunRecord) -> bool:
    return len(run.tasks) > 1 and shares_nothing(run)


def _fits(row: Mapping[str, str], asked: str) -> bool:
    if asked in row.values():
        return True
    parts = [part.partition("=") for part in asked.split()]
    return bool(parts) and all(equals and row.get(key) == text for key, equals, text in parts)
