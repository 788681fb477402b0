"""What a run says when it has ended."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from mtl.config.measures import CHANGE, GAIN
from mtl.config.paths import in_sweep
from mtl.data.sources.base import SPLITS
from mtl.files import shown
from mtl.runs.baselines.percent import percent
from mtl.runs.baselines.words import caveat_lines, gain_lines
from mtl.terminal import console, is_watched, say
from mtl.words import counted

MOST_CLASSES = 15
"""Of which a metric is shown one by one."""


def metrics_table(
    metrics: Mapping[str, float], labelled: Mapping[str, Mapping[str, int]] | None = None
) -> Table:
    """One row per metric, one column per split; changes against single-task networks in percent.

    Of a metric by itself of many classes the first ones are shown and the others counted.

    Args:
        metrics: by full name.
        labelled: split and task to how many labelled samples its metrics are of: the rows ``n``,
            below all metrics.
    """
    splits = [s for s in SPLITS if any(name.startswith(f"{s}/") for name in metrics)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for split in splits:
        table.add_column(split, justify="right")
    families: dict[str, list[str]] = {}
    for name in dict.fromkeys(name.partition("/")[2] for name in metrics):
        task, _, metric = name.rpartition("/")
        first, mark, _ = metric.partition("_")
        families.setdefault(f"{task}/{first}{mark}", []).append(name)
    for family, names in families.items():
        named = names if len(names) <= MOST_CLASSES + 1 else names[:MOST_CLASSES]
        for name in named:
            text = percent if name.rpartition("/")[2] in (GAIN, CHANGE) else "{:.4f}".format
            cells = [metrics.get(f"{split}/{name}") for split in splits]
            table.add_row(escape(name), *("" if cell is None else text(cell) for cell in cells))
        if len(named) < len(names):
            table.add_row(f"{escape(family)}...: {len(names) - len(named)} more")
    counts = labelled or {}
    for task in dict.fromkeys(task for own in counts.values() for task in own):
        numbers = [counts.get(split, {}).get(task) for split in splits]
        table.add_row(escape(f"{task}/n"), *("" if n is None else str(n) for n in numbers))
    return table


def print_results(results: Mapping[str, Any], folder: Path, chance: Sequence[str] = ()) -> None:
    """The metrics of the best checkpoint, and where everything lies; one line for a watched sweep.

    Args:
        results: the content of results.json.
        folder: of the run.
        chance: lines about what is reached without a look at the images.
    """
    best = results["best"]
    score = "" if best["score"] is None else f" ({best['monitor']} {best['score']:.4f})"
    found = f"best epoch {best['epoch']} of {results['epochs']}{score}"
    broken = counted(results["skipped_samples"], "broken sample")
    skipped = f"{broken} left out: {folder / 'skipped.json'}"
    if console.is_terminal and in_sweep(folder):
        tested = results["metrics"].get("test/score")
        test = "" if tested is None else f", test/score {tested:.4f}"
        gain = results.get("gain", {}).get("delta_m")
        test += "" if gain is None else f", gain {percent(gain)}"
        job = "" if is_watched() else f"{folder.name}: "
        say(f"{job}{found}{test}, {results['duration_s']:.0f} s")
        if "gain" in results:
            for line in gain_lines(results["gain"])[0 if gain is None else 1 :]:
                say(f"{job}{line}")
        if results["skipped_samples"]:
            say(skipped)
        return
    say("")
    say(found)
    if "test_epochs" in results:
        say(_protocol_line(results["test_epochs"]))
    if results["metrics"]:
        console.print(metrics_table(results["metrics"], results.get("labelled")))
    for line in chance:
        say(line)
    for monitor, its in results.get("best_by_monitor", {}).items():
        value = "none" if its["score"] is None else f"{its['score']:.4f}"
        say(f"{its['checkpoint']}.ckpt: epoch {its['epoch']} ({monitor} {value})")
    if "gain" in results:
        for line in [*gain_lines(results["gain"]), *caveat_lines(results)]:
            say(line)
    if results["skipped_samples"]:
        say(skipped)
    say(f"{results['duration_s']:.0f} s, {results['images_per_second']:.0f} images/s")
    say(f"run folder: {shown(folder)}")


def _protocol_line(epochs: Sequence[int]) -> str:
    number = counted(len(epochs), "epoch")
    span = f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    return (
        f"protocol=paper: test is the mean over the last {number} ({span}), as papers report it; "
        "no epoch was chosen for it"
    )
