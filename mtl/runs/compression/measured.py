"""What there is to know of a network between two steps."""

from collections.abc import Sequence

from mtl.config.instantiate import container
from mtl.config.measures import measure_of
from mtl.data.image_format import format_of
from mtl.errors import RunError
from mtl.learning.callbacks.labelled import LabelledSamples
from mtl.model.multiply_adds import multiply_adds
from mtl.runs.baselines.gain import gain
from mtl.runs.compression.base import TaskMetrics, Workpiece
from mtl.runs.compression.measures import BATCHES, Latencies, latencies
from mtl.runs.compression.saved import MODEL, checkpoint_bytes
from mtl.runs.compression.table import Stand
from mtl.runs.export.formats import FORMATS
from mtl.terminal import doing


def measured_stand(
    work: Workpiece, step: str, seconds: float, before: Sequence[Stand], repeats: int
) -> Stand:
    """Evaluate and time what a step has left.

    Args:
        work: as it is then.
        step: its name.
        seconds: that it took.
        before: the stands until then, the first of which changes are measured from.
        repeats: see ``latencies``.
    """
    counted = LabelledSamples()
    with doing("evaluating"):
        metrics = work.evaluate(work.split, file=work.file, callbacks=[counted])
    return Stand(
        step=step,
        metrics=metrics,
        delta_m=_delta_m(work, metrics, before[0]) if before else 0.0,
        parameters=sum(parameter.numel() for parameter in work.network.parameters()),
        megabytes=round(file_bytes(work, metrics) / 1e6, 3),
        multiply_adds=multiply_adds(work.network, int(work.cfg.image_size)),
        latency=timed(work, repeats),
        seconds=round(seconds, 1),
        image_size=int(work.cfg.image_size),
        file=None if work.file is None else work.file.name,
        notes=work.notes,
        # A file is evaluated on what the networks before it were.
        labelled=counted.samples or (before[0].labelled if before else {}),
    )


def file_bytes(work: Workpiece, metrics: TaskMetrics) -> int:
    """The size of the file that is left: the ONNX file where one is the result, else a checkpoint.

    Args:
        work: as it is then.
        metrics: of it, which the checkpoint holds as well.
    """
    if work.file is not None:
        return work.file.stat().st_size
    return len(checkpoint_bytes(work, metrics))


def timed(work: Workpiece, repeats: int, batches: Sequence[int] = BATCHES) -> Latencies:
    """The times of the network and of an ONNX file of it, or of the file that is the result.

    Args:
        work: as it is then.
        repeats: see ``latencies``.
        batches: likewise.
    """
    side, channels = int(work.cfg.image_size), format_of(work.cfg.data).channels
    if not repeats:
        return {}
    with doing("timing"):
        return _timed(work, repeats, batches, side, channels)


def _timed(
    work: Workpiece, repeats: int, batches: Sequence[int], side: int, channels: int
) -> Latencies:
    if work.file is not None:
        return latencies(None, work.file, side, channels, repeats, batches)
    path = work.out / MODEL
    if FORMATS["onnx"].missing:
        work.say("ONNX Runtime is not timed: pip install 'mtl[compress]'")
        return latencies(work.network, None, side, channels, repeats, batches)
    try:
        work.export(work.network, path)
    except RunError as error:
        work.say(f"ONNX Runtime is not timed: {error}")
        return latencies(work.network, None, side, channels, repeats, batches)
    return latencies(work.network, path, side, channels, repeats, batches)


def _delta_m(work: Workpiece, now: TaskMetrics, first: Stand) -> float | None:
    heads = container(work.cfg.heads)
    # Those behind the main one may be in pixels, of which a student has more or fewer.
    count = None if first.image_size in (0, int(work.cfg.image_size)) else 1
    measures = {
        task: {
            str(name): measure_of(task, str(name), heads[task])
            for name in heads[task]["metrics"][:count]
        }
        for task in work.network.tasks
    }
    return gain(now, first.metrics, measures).delta_m()
