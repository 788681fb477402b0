"""Which settings differ between runs."""

from collections.abc import Mapping, Sequence

from mtl.runs.compare.settings import Settings

RECIPE = "experiment"


def differing(runs: Sequence[Settings]) -> list[str]:
    """The keys by which runs are told apart.

    An option differs where runs with the same member differ in it: that ``pcgrad`` has options
    which ``equal`` lacks is told by their names already. A task's options differ where two runs
    that have the task do.

    What follows from another setting in every run (``mean: ${backbone.mean}``) tells none apart.

    Where every run has a recipe, and they differ, the recipe stands for all that follows from it;
    what was given on the command line beside it stays.

    Args:
        runs: all of them.

    Returns:
        In the order of the configuration.
    """
    first: dict[str, str] = {}
    several: dict[str, None] = {}
    for run in runs:
        for key, text in run.texts.items():
            if first.setdefault(key, text) != text:
                several[key] = None
    tops = list(dict.fromkeys(key.partition(".")[0] for key in first))
    found = [key for key in several if _chosen(key, runs) and _differs(key, runs)]
    found.sort(key=lambda key: (tops.index(key.partition(".")[0]), key.count(".") > 0))
    recipes = [run.experiment for run in runs]
    if None in recipes or "none" in recipes or len(set(recipes)) < 2:
        return found
    typed = frozenset[str]().union(*(run.typed for run in runs))
    return [RECIPE, *(key for key in found if _typed(key, typed) or not _follows(key, runs))]


def cells_of(run: Settings, columns: Sequence[str]) -> dict[str, str]:
    """A run's settings for these columns; empty text where it has no such."""
    texts = {**run.texts, RECIPE: run.experiment or ""}
    return {column: texts.get(column, "") for column in columns}


def _chosen(key: str, runs: Sequence[Settings]) -> bool:
    """Whether a key's value is more than what follows from another key, in a run at least."""
    return any(key in run.texts and key not in run.derived for run in runs)


def _differs(key: str, runs: Sequence[Settings]) -> bool:
    """Whether two runs with the same member, or without one, have different values."""
    values: dict[str, str] = {}
    for run in runs:
        if key in run.texts:
            text = run.texts[key]
            if values.setdefault(_member(key, run.texts), text) != text:
                return True
    return False


def _member(key: str, texts: Mapping[str, str]) -> str:
    """What was chosen where a key is an option of it; empty for others."""
    above = key.rpartition(".")[0]
    while above:
        if above in texts:
            return texts[above]
        above = above.rpartition(".")[0]
    return ""


def _typed(key: str, typed: frozenset[str]) -> bool:
    return any(key == given or key.startswith(f"{given}.") for given in typed)


def _follows(key: str, runs: Sequence[Settings]) -> bool:
    """Whether each recipe has one value of a key, so that the recipe's name tells it."""
    values: dict[str, str] = {}
    return all(
        values.setdefault(str(run.experiment), run.texts.get(key, "")) == run.texts.get(key, "")
        for run in runs
    )
