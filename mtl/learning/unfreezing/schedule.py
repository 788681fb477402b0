"""When a stage begins to train: pure functions of names and numbers."""

from collections.abc import Sequence


def evenly(stages: Sequence[str], epochs: int) -> dict[str, int]:
    """The head alone first, then one stage more after each of equally long spells.

    Stage k of n from the end trains after ``k * epochs // (n + 1)`` epochs, but the head has the
    first epoch for itself if there are two or more. With few epochs several stages come together.

    Args:
        stages: the one nearest to the image first.
        epochs: of the whole training.

    Returns:
        Stage to the number of epochs before it trains, each below ``epochs``.
    """
    spells = len(stages) + 1
    return {
        stage: min(epochs - 1, max(1, k * epochs // spells))
        for k, stage in enumerate(reversed(stages), start=1)
    }


def stepwise(stages: Sequence[str], every: int) -> dict[str, int]:
    """One stage more after every so many epochs, the last stage first.

    Args:
        stages: the one nearest to the image first.
        every: number of epochs.
    """
    return {stage: k * every for k, stage in enumerate(reversed(stages), start=1)}
