"""What was chosen and has nothing to do, so that nobody waits for its effect."""

from collections.abc import Iterator

from mtl.learning.module import MultiTaskModule
from mtl.learning.weighting.fixed import Fixed
from mtl.model.ensemble.none import NoEnsemble
from mtl.model.fusion.none import NoFusion


def idle(module: MultiTaskModule) -> Iterator[str]:
    """One line for each such choice.

    Args:
        module: built.
    """
    network, weighting = module.network, module.weighting
    fusion, ensemble = network.fusion, network.ensemble
    if len(fusion.incoming) == 1 and not isinstance(fusion, NoFusion):
        yield (
            f"fusion: {type(fusion).__name__} has nothing to merge, a single view of each image "
            "reaches it; views=rotations makes several"
        )
    if ensemble.streams == 1 and not ensemble.copies and not isinstance(ensemble, NoEnsemble):
        yield (
            f"ensemble: {type(ensemble).__name__} has nothing to combine, there is one decision; "
            "several views with fusion=none make more"
        )
    if isinstance(weighting, Fixed) and bool((weighting.factors == 1).all()):
        yield "weighting: Fixed without weighting.weights={TASK: WEIGHT} is weighting=equal"
    for task in network.tasks:
        target = network.head(task).target
        if target.kind.exclusive and len(target.classes) == 1:
            yield f"task {task} has a single class, {target.classes[0]}: there is nothing to learn"
