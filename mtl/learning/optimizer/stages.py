"""The stages of an encoder in order of depth, and whose parameters are whose."""

from collections.abc import Mapping, Sequence

from torch import nn

from mtl.config.nearest import in_words
from mtl.errors import UserError
from mtl.model.backbone.base import Backbone
from mtl.model.encoder.base import Encoder
from mtl.model.encoder.stage_names import check_stages

NO_STAGE = "encoder"
"""What ``Encoder.stage_of`` answers for adapters and gates."""


def stage_parameters(encoder: Encoder) -> dict[str, list[nn.Parameter]]:
    """The parameters of each backbone stage, the stage nearest to the image first.

    Stages of one name in several backbones are one. Parameters of no stage are left out.

    Args:
        encoder: of the network.
    """
    found: dict[str, list[nn.Parameter]] = {}
    for name, parameter in encoder.named_parameters():
        stage = encoder.stage_of(name)
        if stage != NO_STAGE:
            found.setdefault(stage, []).append(parameter)
    depth = _depths(encoder)
    return {name: found[name] for name in sorted(found, key=lambda name: depth.get(name, 1.0))}


def _depths(encoder: Encoder) -> dict[str, float]:
    """Stage to its place between image (0) and head (1), so that unlike backbones interleave."""
    others = (m.description for m in encoder.modules() if isinstance(m, Backbone))
    depths: dict[str, float] = {}
    for description in (encoder.description, *others):
        for place, stage in enumerate(description):
            depths.setdefault(stage.name, place / max(1, len(description) - 1))
    return depths


def stage_rates(
    stages: Sequence[str], factors: Mapping[str, float] | None, decay: float
) -> dict[str, float]:
    """Factor on the backbone's learning rate for each stage (Howard and Ruder, 2018).

    Args:
        stages: the one nearest to the image first.
        factors: of single stages; the others have 1. None: all have.
        decay: every stage further from the heads than the last one has this times its successor's.

    Raises:
        UserError: a factor for a stage that there is not, one that is no number from 0, or no
            mapping.
    """
    key = "optimizer.stage_factors"
    if factors is not None and not isinstance(factors, Mapping):
        raise UserError(
            f"{key}={in_words(factors)}: must be factors by stage, such as {{layer1:0.1}}"
        )
    factors = factors or {}
    check_stages(key, factors, stages)
    for stage, factor in factors.items():
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor >= 0:
            raise UserError(f"{key}.{stage}={in_words(factor)}: must be a number, at least 0")
    last = len(stages) - 1
    return {
        stage: factors.get(stage, 1.0) * decay ** (last - place)
        for place, stage in enumerate(stages)
    }
