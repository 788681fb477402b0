"""``python -m benchmarks.sweep_table FOLDER``: a sweep as a table, seeds put together.

Mean and standard deviation over the seeds of each test metric that is its task's main one, with
parameters and seconds of training.
"""

import argparse
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SEED = re.compile(r"_?seed-\d+")


def rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Job name without its seed, to the results of its seeds.

    Args:
        folder: of the sweep.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("*/results.json")):
        name = SEED.sub("", file.parent.name).strip("_") or "all"
        found.setdefault(name, []).append(json.loads(file.read_text()))
    return found


def spread(values: Sequence[float], digits: int) -> str:
    """``mean ± standard deviation``; the mean alone of a single value."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def markdown(found: Mapping[str, Sequence[Mapping[str, Any]]], metrics: Sequence[str]) -> str:
    """The table.

    Args:
        found: as ``rows`` returns it.
        metrics: names as in results.json; a job without one has an empty cell.
    """
    header = ["job", "seeds", *(f"`{name}`" for name in metrics), "parameters", "seconds"]
    lines = [header, ["---"] * len(header)]
    for name, results in found.items():
        cells = [name, str(len(results))]
        for metric in metrics:
            values = [r["metrics"][metric] for r in results if metric in r["metrics"]]
            cells.append(spread(values, 3) if values else "")
        cells.append(f"{results[0]['parameters'] / 1e6:.2f} M")
        cells.append(spread([r["duration_s"] for r in results], 0))
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sweep_table", description="A sweep as a table."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("metrics", nargs="+", help="test/box/iou and the like")
    chosen = parser.parse_args()
    print(markdown(rows(chosen.folder), chosen.metrics))


if __name__ == "__main__":
    main()
