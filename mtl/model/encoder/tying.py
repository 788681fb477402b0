"""Stages that are one and the same module in several backbones."""

from collections.abc import Sequence

from mtl.config.nearest import listing, nearest
from mtl.errors import UserError
from mtl.model.backbone.base import Backbone


def tie(backbones: Sequence[Backbone], names: Sequence[str]) -> tuple[str, ...]:
    """Put the first backbone's stages into the others.

    Args:
        backbones: changed in place, all but the first.
        names: of the stages.

    Returns:
        The names in the order of execution.

    Raises:
        UserError: a stage is missing in a backbone, or isn't the same in all of them.
    """
    first = backbones[0]
    allowed = tieable(backbones)
    for name in names:
        if name not in allowed:
            raise UserError(f"encoder.tied_stages: {_why_not(backbones, str(name), allowed)}")
    tied = tuple(stage.name for stage in first.description if stage.name in names)
    for other in backbones[1:]:
        for name in tied:
            other.stages[name] = first.stages[name]
        order = [stage.name for stage in other.description if stage.name in tied]
        if order != list(tied):
            raise UserError(
                f"encoder.tied_stages: {listing(tied)} come in the order {listing(order)} in "
                "another backbone; tie fewer of them"
            )
    return tied


def tieable(backbones: Sequence[Backbone]) -> list[str]:
    """The stages that are the same in all backbones but for the values of their tensors."""
    first, *others = backbones
    return [
        stage.name
        for stage in first.description
        if all(_same_stage(first, other, stage.name) for other in others)
    ]


def _same_stage(first: Backbone, other: Backbone, name: str) -> bool:
    if name not in other.stages:
        return False
    here, there = first.stages[name], other.stages[name]
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (here, there)]
    described = {stage for b in (first, other) for stage in b.description if stage.name == name}
    return len(described) == 1 and shapes[0] == shapes[1] and repr(here) == repr(there)


def _why_not(backbones: Sequence[Backbone], name: str, allowed: Sequence[str]) -> str:
    named = [stage.name for backbone in backbones for stage in backbone.description]
    if name not in named:
        why = f"no stage '{name}'" + "".join(f"; did you mean '{n}'?" for n in nearest(name, named))
    elif named.count(name) < len(backbones):
        why = f"not every branch has a stage '{name}'"
    else:
        why = f"the branches' stages '{name}' have different shapes"
    return f"{why.removesuffix('?')}; allowed: {listing(allowed)}"
