"""``python -m benchmarks``: measure, write results.json, and show what misses its goal.

With names or patterns (``'weighting/pcgrad*'``) only those are measured. Each entry is written as
soon as it is there, and those of other measurements stay as they are.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it calls the network
os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler tells of every start and stop
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # and of memory from before it began

from rich.console import Console

from benchmarks import weighting
from benchmarks.attributes import attribute_tasks
from benchmarks.augmentation import batch_versus_albumentations, versus_pil
from benchmarks.coco_index import coco_index
from benchmarks.command import command_seconds
from benchmarks.export import onnx_latency
from benchmarks.gpu import gpu_throughput
from benchmarks.grey_pictures import grey_pictures
from benchmarks.int8 import GOALS, int8_latency
from benchmarks.memory import demo_memory
from benchmarks.prediction import predict_throughput
from benchmarks.results import Entry, read, table, verdict, write
from benchmarks.shapes import shapes_generation
from benchmarks.side_by_side import side_by_side
from benchmarks.step import step_overhead
from benchmarks.sweep_plan import job_overhead, jobs_planned
from benchmarks.sweeps import sweep_flat
from benchmarks.table_index import table_index
from benchmarks.views import views_cost

Measure = Callable[[], Mapping[str, Entry]]
RESULTS = Path(__file__).parent / "results.json"


def quick() -> dict[str, Measure]:
    """Name to measurement."""
    return {
        "shapes_generation": lambda: {"shapes_generation": shapes_generation()},
        "batch_augmentation": lambda: {"batch_augmentation": batch_versus_albumentations()},
        "files": versus_pil,
        "step_overhead": lambda: {"step_overhead": step_overhead()},
        "attribute_tasks": attribute_tasks,
        "views": views_cost,
        "gpu_throughput": gpu_throughput,
        "predict_throughput": predict_throughput,
        "onnx_latency": lambda: {"onnx_latency": onnx_latency()},
        **{f"int8_latency/{name}": partial(_int8, name) for name in GOALS},
        **weighting.measurements(),
    }


def _int8(backbone: str) -> Mapping[str, Entry]:
    return {f"int8_latency/{backbone}": int8_latency(backbone)}


def slow() -> dict[str, Measure]:
    """The same of those that take longer."""
    misspelt, answer = ["train", "epohcs=3"], "seconds until a misspelt key is answered"
    return {
        **weighting.many_tasks(),
        "help_seconds": lambda: {
            "help_seconds": command_seconds(["--help"], 0, 1.0, "seconds of mtl --help")
        },
        "misspelt_seconds": lambda: {"misspelt_seconds": command_seconds(misspelt, 2, 2.0, answer)},
        "demo_memory": demo_memory,
        "grey_pictures": lambda: {"grey_pictures": grey_pictures()},
        "coco_index": coco_index,
        "sweep_plan": lambda: {"sweep_plan": jobs_planned()},
        "sweep_job": lambda: {"sweep_job": job_overhead()},
        "sweep_side_by_side": lambda: {"sweep_side_by_side": side_by_side()},
        "table_index": table_index,
        "sweep_flat/grid": lambda: sweep_flat("grid"),
        "sweep_flat/joblib": lambda: sweep_flat("joblib"),
    }


def chosen(names: Sequence[str], everything: bool) -> dict[str, Measure]:
    """The measurements that are asked for.

    Raises:
        SystemExit: a name fits none of them; lists them.
    """
    there = quick() | slow()
    if not names:
        return there if everything else quick()
    for name in names:
        if not any(fnmatchcase(key, name) for key in there):
            raise SystemExit(f"no measurement is called {name}; there are:\n" + "\n".join(there))
    return {k: run for k, run in there.items() if any(fnmatchcase(k, name) for name in names)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help="of measurements, or patterns; none: all quick ones"
    )
    parser.add_argument("--all", action="store_true", help="the slower measurements too")
    given = parser.parse_args(arguments)
    measurements = chosen(given.names, given.all)
    console = Console(highlight=False)
    measured: dict[str, Entry] = {}
    for number, (name, measure) in enumerate(measurements.items(), 1):
        start = time.perf_counter()
        with console.status(f"{number}/{len(measurements)} {name}"):
            found = dict(measure())
        measured |= found
        entries = read(RESULTS) | found
        write(entries | weighting.medians(entries), RESULTS)
        took = f"{number}/{len(measurements)} {name}: {time.perf_counter() - start:.0f} s"
        console.print(took + "".join(f"  {e.ratio:.4g}" for e in found.values()))
    shown = measured | weighting.medians(measured)
    console.print()
    console.print(table(shown))
    console.print(verdict(shown))


if __name__ == "__main__":
    main()
