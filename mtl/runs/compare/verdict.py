"""What one difference comes to, in the words that stand everywhere."""

from collections.abc import Mapping

from mtl.runs.compare.comparison import Difference
from mtl.runs.compare.groups import Unit
from mtl.runs.compare.statistics.power import MOST
from mtl.words import counted


def verdict_text(difference: Difference, unit: Unit | None = None) -> str:
    """``better``, or ``within the noise of 3 seeds: about 8 more would settle it``.

    With ``unit`` it goes after a verb and after a comma: ``+0.1 iou is ...``, ``+0.1 iou, ...``.

    Args:
        difference: tested.
        unit: what is paired; None where it is said how many pairs there are.
    """
    pairs = len(difference.values)
    if difference.verdict == "unsettled":
        what = "the noise" if unit is None else noise(pairs, unit)
        return f"within {what}: {settling({'': difference})}"
    if difference.verdict == "too few":
        few = "too few to tell"
        return few if unit is None else f"not to be told from chance with {counted(pairs, unit)}"
    return "the same" if difference.verdict == "same" else difference.verdict


def noise(pairs: int, unit: Unit) -> str:
    """``the noise of 3 seeds``."""
    return f"the noise of {counted(pairs, unit)}"


def settling(found: Mapping[str, Difference], unit: str = "") -> str:
    """``about 5 more seeds would settle it``, or ``about 5 more would settle box, 8 depth``.

    Args:
        found: unsettled differences by name.
        unit: what there would be more of; empty where that has been said.
    """
    alone = len(found) == 1
    ends: list[str] = []
    for name, difference in found.items():
        if difference.more is not None:
            what = "it" if alone else name
            more = counted(difference.more, f"more {unit}") if unit else f"{difference.more} more"
            ends.append(
                f"{difference.more} {what}" if ends else f"about {more} would settle {what}"
            )
    if hopeless := [name for name, difference in found.items() if difference.more is None]:
        most = counted(MOST, unit) if unit else str(MOST)
        ends.append(f"even {most} would not settle {'it' if alone else joined(hopeless)}")
    return ", ".join(ends)


def joined(names: list[str]) -> str:
    """``a, b and c``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
