"""How large the trainings were, in a line."""

from collections.abc import Callable

from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.member_names import MemberNames
from mtl.runs.compare.output.words import cost_text
from mtl.runs.page.data import PageData
from mtl.runs.page.gather.evidence import Evidence


def scale(data: PageData) -> str:
    """``6 epochs · 300 steps of 16 images · 800 training images · 32 x 32 pixels · backbone ...``.

    What the runs don't know is left out; what differs between them is told as a range.
    """
    epochs = _range(data, lambda e: _whole(e.run.results.get("epochs")))
    steps = _range(data, lambda e: max((s.steps[-1] for s in e.scalars.values()), default=None))
    batch = _range(data, lambda e: _whole(e.run.config.get("batch_size")))
    side = _range(data, lambda e: _whole(e.run.config.get("image_size")))
    parameters = [cost_text("parameters", value) for value in _ends(data, "parameters")]
    samples = _range(data, lambda e: _whole(e.run.results.get("training_samples")))
    parts = [_several(epochs, "epoch")] if epochs else []
    if steps and batch:
        parts.append(f"{_several(steps, 'step')} of {_several(batch, 'image')}")
    parts += [_several(samples, "training image")] if samples else []
    parts += [f"{side} x {side} pixels"] if side else []
    names = MemberNames()
    backbones = dict.fromkeys(_backbone(e.run, names) for e in data.evidence)
    parts += [f"backbone {', '.join(filter(None, backbones))}"] if any(backbones) else []
    if parameters:
        parts.append(f"{' to '.join(dict.fromkeys(parameters))} parameters")
    return " · ".join(parts)


def _range(data: PageData, of: Callable[[Evidence], int | None]) -> str:
    values = [value for evidence in data.evidence if (value := of(evidence)) is not None]
    ends = dict.fromkeys((min(values), max(values))) if values else ()
    return " to ".join(f"{value:,}" for value in ends)


def _ends(data: PageData, cost: str) -> list[float]:
    found = [row.row.costs[cost] for row in data.rows if cost in row.row.costs]
    return [min(found), max(found)] if found else []


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _several(number: str, what: str) -> str:
    """``1 step``, ``6 to 7 epochs``."""
    return f"{number} {what}{'' if number == '1' else 's'}"


def _backbone(run: RunRecord, names: MemberNames) -> str:
    node = run.config.get("backbone")
    return names.of("backbone", node) if isinstance(node, dict) else ""
