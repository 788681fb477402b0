"""``mtl eval run=... rotate=[...]``: measure a run's curve and write it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from torch.utils.tensorboard import SummaryWriter

from mtl.config.backbones import without_first_weights
from mtl.config.checkpoint_names import checkpoint_file
from mtl.data.build import build_data
from mtl.data.sources.base import Split
from mtl.drawing.write import write_png
from mtl.files import write_json
from mtl.learning.checkpoints import load_network_weights
from mtl.model.build import build_network
from mtl.runs.prediction.predictor import device_named, known_targets
from mtl.runs.rotation.curve import Curve, rotation_curve
from mtl.runs.rotation.figure import draw


def measure(
    cfg: DictConfig,
    folder: Path,
    angles: Sequence[float],
    split: Split,
    checkpoint: str,
) -> tuple[Curve, dict[str, str]]:
    """The curve of a run's checkpoint over one split.

    Args:
        cfg: the run's configuration, with overrides.
        folder: of the run.
        angles: degrees, counter-clockwise.
        split: ``val`` or ``test``.
        checkpoint: which one.

    Returns:
        The curve, and each task's main metric.

    Raises:
        UserError: there is no checkpoint, no such split, or the weights don't fit.
    """
    cfg = cfg.copy()
    without_first_weights(cfg)
    data = build_data(cfg)
    data.prepare_data()
    path = checkpoint_file(folder, checkpoint)
    data.in_terms_of(known_targets(cfg, folder, path))
    data.required(split)
    network = build_network(cfg, data.targets)
    load_network_weights(network, path)
    device = device_named("cpu" if cfg.trainer.accelerator == "cpu" else "auto")
    network.eval().to(device)
    curve = rotation_curve(network, data, data.loader(split), angles, device)
    return curve, {task: network.head(task).metrics[0] for task in network.tasks}


def flatness(values: Sequence[float]) -> dict[str, float]:
    """Mean over the angles, the worst, and the spread (largest less smallest)."""
    low, high = min(values), max(values)
    return {"mean": sum(values) / len(values), "worst": low, "spread": high - low}


def write(
    curve: Curve,
    main: dict[str, str],
    folder: Path,
    split: Split,
    checkpoint: str = "best",
    **more: Any,
) -> list[Path]:
    """JSON, figure and TensorBoard events, in which the step is the angle.

    Args:
        curve: as measured.
        main: task to the name of its main metric.
        folder: of the run.
        split: that was measured.
        checkpoint: that was measured; the last one's files have names of their own.
        more: further entries of the JSON file.

    Returns:
        The JSON file, the figure, and the folder of the events.
    """
    place = folder / "eval"
    name = f"rotation_{split}" if checkpoint == "best" else f"rotation_{split}_{checkpoint}"
    record = {
        "checkpoint": checkpoint,
        **more,
        "angles": curve.angles,
        "metrics": {f"{split}/{name}": values for name, values in curve.metrics.items()},
        "equivariance_error": curve.errors,
        "main": {
            f"{split}/{task}/{metric}": flatness(curve.metrics[f"{task}/{metric}"])
            for task, metric in main.items()
            if f"{task}/{metric}" in curve.metrics
        },
    }
    written = [place / f"{name}.json", place / f"{name}.png"]
    picture = draw(curve, main)
    write_json(written[0], record)
    write_png(written[1], picture)
    events = place / name
    for old in events.glob("events.out.*"):
        old.unlink()
    with SummaryWriter(str(events)) as writer:
        for place_, angle in enumerate(curve.angles):
            for name, values in curve.metrics.items():
                writer.add_scalar(f"rotation/{split}/{name}", values[place_], round(angle))
            for task, errors in curve.errors.items():
                tag = f"rotation/{split}/{task}/equivariance_error"
                writer.add_scalar(tag, errors[place_], round(angle))
        writer.add_image(f"rotation/{split}", np.asarray(picture), 0, dataformats="HWC")
    return [*written, events]
