"""``python -m benchmarks``: measure, write results.json, and show what misses its goal."""

import argparse
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it calls the network
os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # the profiler tells of every start and stop

from rich.console import Console

from benchmarks.augmentation import batch_versus_albumentations, versus_pil
from benchmarks.command import command_seconds
from benchmarks.memory import demo_memory
from benchmarks.results import Entry, table, verdict, write
from benchmarks.shapes import shapes_generation
from benchmarks.step import step_overhead
from benchmarks.views import views_cost
from benchmarks.weighting import weighting_cost

Measure = Callable[[], Mapping[str, Entry]]
RESULTS = Path(__file__).parent / "results.json"
QUICK: Mapping[str, Measure] = {
    "shapes generation": lambda: {"shapes_generation": shapes_generation()},
    "batch augmentation": lambda: {"batch_augmentation": batch_versus_albumentations()},
    "decoding and augmenting": versus_pil,
    "training step": lambda: {"step_overhead": step_overhead()},
    "views": views_cost,
    "weightings": weighting_cost,
}
SLOW: Mapping[str, Measure] = {
    "help": lambda: {"help_seconds": command_seconds(["--help"], 0, 1.0, "seconds of mtl --help")},
    "misspelt key": lambda: {
        "misspelt_seconds": command_seconds(
            ["train", "epohcs=3"], 2, 2.0, "seconds until a misspelt key is answered"
        )
    },
    "memory of the demo": demo_memory,
}


def main() -> None:
    """Measure everything, then write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--all", action="store_true", help="the slower measurements too")
    chosen = {**QUICK, **SLOW} if parser.parse_args().all else QUICK
    console = Console(highlight=False)
    entries: dict[str, Entry] = {}
    for number, (name, measure) in enumerate(chosen.items(), 1):
        start = time.perf_counter()
        with console.status(f"{number}/{len(chosen)} {name}"):
            entries.update(measure())
        console.print(f"{number}/{len(chosen)} {name}: {time.perf_counter() - start:.0f} s")
    write(entries, RESULTS)
    console.print()
    console.print(table(entries))
    console.print(verdict(entries))


if __name__ == "__main__":
    main()
