"""Runs whose tasks share nothing: what sharing is measured against."""

from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.metrics import is_finite

NO_SHARING = "no sharing, one network per task"
PER_TASK = "mtl.model.encoder.per_task.PerTask"


def shares_nothing(run: RunRecord) -> bool:
    """Whether no parameter learns from two tasks.

    Measured on the network (``shared_parameters`` of results.json); a run that is older than that
    is asked for its configuration, which tells the plain case.

    Args:
        run: finished.
    """
    measured = run.results.get("shared_parameters")
    if is_finite(measured):
        return measured == 0
    encoder, fusion = (_node(run, group) for group in ("encoder", "fusion"))
    apart = encoder.get("_target_") == PER_TASK and fusion.get("exchange", "none") == "none"
    return apart or len(run.tasks) == 1


def _node(run: RunRecord, group: str) -> dict[str, object]:
    node = run.config.get(group)
    return node if isinstance(node, dict) else {}
