"""The table of ``mtl compress``: a network before and after each step."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mtl.runs.baselines.percent import percent
from mtl.runs.compression.measures import Latencies, Latency
from mtl.words import span_of

BEFORE = "as trained"
SPEAKS = {"eager": "torch", "onnx": "ONNX Runtime"}


@dataclass(frozen=True)
class Stand:
    """Where things stand after a step, or before the first.

    Args:
        step: its name; ``as trained`` before the first.
        metrics: task to metric to value.
        delta_m: mean relative change of the tasks' metrics, a share, more is better; None where
            one of them has no such change.
        parameters: numbers that were learned.
        megabytes: of the file that is left: the checkpoint's, or the ONNX file's where a step made
            one.
        multiply_adds: of one image; None where they can't be counted.
        latency: see ``Latencies``.
        seconds: that the step took.
        image_size: side of the network's pictures in pixels; 0 in tables of before there was this.
        file: name in the folder of the ONNX file that is the result, if one is.
        notes: whatever else a step measured, by name.
        labelled: task to how many labelled samples its metrics are of; none in older tables.
    """

    step: str
    metrics: Mapping[str, Mapping[str, float]]
    delta_m: float | None
    parameters: int
    megabytes: float
    multiply_adds: int | None
    latency: Latencies
    seconds: float
    image_size: int = 0
    file: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    labelled: Mapping[str, int] = field(default_factory=dict)

    @property
    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Stand":
        """From plain values, as JSON gives them back."""
        latency = {
            name: {int(batch): Latency(**found) for batch, found in by_batch.items()}
            for name, by_batch in plain["latency"].items()
        }
        return cls(**{**plain, "latency": latency})


def columns(stands: Sequence[Stand], main: Mapping[str, str]) -> list[list[str]]:
    """The table, a column for each stand: its header, and a row for each quantity.

    Args:
        stands: at least the first.
        main: task to the name of its main metric.
    """
    first = stands[0]
    rows = [["", *(stand.step for stand in stands)]]
    for task, metric in main.items():
        before = first.metrics.get(task, {}).get(metric)
        cells = [_metric(s.metrics.get(task, {}).get(metric), before, s is first) for s in stands]
        rows.append([f"{task} {metric}", *cells])
    changes = [None if stand is first else stand.delta_m for stand in stands]
    rows.append(["Δm", *("" if change is None else percent(change) for change in changes)])
    rows.append(["parameters, M", *(f"{s.parameters / 1e6:.3f}" for s in stands)])
    rows.append(["file, MB", *(f"{s.megabytes:.2f}" for s in stands)])
    rows.append(["multiply-adds, M", *(_millions(s.multiply_adds) for s in stands)])
    for name, batch in _timed(stands):
        found = [s.latency.get(name, {}).get(batch) for s in stands]
        cells = ["" if f is None else f"{f.median:.1f} ({f.p95:.1f})" for f in found]
        rows.append([f"{SPEAKS[name]}, batch {batch}, ms", *cells])
    return rows


def markdown(stands: Sequence[Stand], main: Mapping[str, str]) -> str:
    """The same as a page's table."""
    header, *rows = columns(stands, main)
    lines = [header, ["---", *("---:" for _ in stands)], *rows]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return "".join([table, *(f"\n{line[0].upper()}{line[1:]}.\n" for line in caveat_lines(stands))])


def caveat_lines(stands: Sequence[Stand]) -> list[str]:
    """That changes of one network on so many samples may be chance; none where there are none.

    Args:
        stands: at least the first.
    """
    number = span_of(stands[-1].labelled.values())
    if len(stands) == 1 or not number:
        return []
    images = "image" if number == "1" else "images"
    return [
        f"changes and Δm are of one network on {number} labelled {images}: other seeds, or more "
        "images, tell whether they are real"
    ]


def _timed(stands: Sequence[Stand]) -> list[tuple[str, int]]:
    pairs = [(name, batch) for s in stands for name, found in s.latency.items() for batch in found]
    return sorted(set(pairs), key=lambda pair: (list(SPEAKS).index(pair[0]), pair[1]))


def _metric(value: float | None, before: float | None, is_first: bool) -> str:
    if value is None:
        return ""
    if is_first or before is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({100 * (value - before):+.1f})"


def _millions(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:.1f}"
