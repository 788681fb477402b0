"""Stages of a backbone by name: checked, and cut out."""

from collections.abc import Iterable, Sequence

from mtl.config.nearest import listing, nearest
from mtl.errors import UserError
from mtl.model.backbone.base import Backbone, Stage


def check_stages(option: str, names: Iterable[object], stages: Iterable[str]) -> None:
    """Hold names to the stages that there are.

    Args:
        option: the key that they come from, such as ``encoder.at``.
        names: what it says.
        stages: names of those that there are.

    Raises:
        UserError: one is no stage; lists them all.
    """
    known = list(stages)
    for name in names:
        if name not in known:
            hint = "".join(f" did you mean {near}?" for near in nearest(str(name), known))
            raise UserError(f"{option}={name}: no such stage;{hint} allowed: {listing(known)}")


def by_place(option: str, stages: Sequence[Stage], chosen: Sequence[str | int]) -> tuple[str, ...]:
    """Names of stages, some of which may be given by their place.

    Args:
        option: the key that they come from.
        stages: of the backbone.
        chosen: names, or places: 0 is the first stage, -1 the last.

    Raises:
        UserError: there is no such place.
    """
    names = [stage.name for stage in stages]
    for place in chosen:
        if isinstance(place, int) and not -len(names) <= place < len(names):
            raise UserError(
                f"{option}: no stage {place}; the backbone has {len(names)}: {listing(names)}"
            )
    return tuple(names[c] if isinstance(c, int) else c for c in chosen)


def part(backbone: Backbone, stages: Sequence[Stage]) -> Backbone:
    """Some stages in a row of a backbone, as one of its own that shares their modules.

    Args:
        backbone: the whole.
        stages: at least one; the part's input is what comes out of the stage before them.
    """
    if len(stages) == len(backbone.description):
        return backbone
    return Backbone({s.name: backbone.stages[s.name] for s in stages}, tuple(stages))
