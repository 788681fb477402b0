"""How fast the built-in data set is drawn."""

import time

from benchmarks.results import Entry, paired
from benchmarks.surroundings import surroundings
from mtl.data.sources.shapes import Shapes

GOAL = 1000.0


def shapes_generation(images: int = 500, rounds: int = 5) -> Entry:
    """Images of 64 pixels per second of one core."""
    Shapes(train=20).split("train")
    rates = []
    for seed in range(rounds):
        shapes = Shapes(seed=seed, train=images)
        # Processor time: what else runs on the machine is no part of the question.
        start = time.process_time()
        shapes.split("train")
        rates.append(images / (time.process_time() - start))
    return paired(
        rates,
        [GOAL] * rounds,
        goal=1,
        better="higher",
        what=f"drawing 64 px shapes on one core, over {GOAL:.0f} images/s",
        unit="images/s",
        **surroundings(threads=1),
    )
