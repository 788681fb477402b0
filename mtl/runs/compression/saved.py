"""The folder of a compressed run, which is a run's folder like any other."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from mtl.config.checkpoint_names import checkpoint_file
from mtl.config.instantiate import container
from mtl.files import printable, read_json, write_all
from mtl.learning.checkpoints import read_checkpoint
from mtl.runs.compression.base import TaskMetrics, Workpiece
from mtl.runs.compression.table import Stand, markdown

CHECKPOINT = Path("checkpoints") / "best.ckpt"
MODEL = "model.onnx"
TABLE = "table.json"


def checkpoint_bytes(work: Workpiece, metrics: TaskMetrics) -> bytes:
    """A checkpoint of the network, whose tensors may be smaller than its configuration says.

    Args:
        work: with the network.
        metrics: of it.
    """
    origin = read_checkpoint(checkpoint_file(work.run, work.checkpoint))
    # What else a module of the run has, such as the weighting's parameters.
    others = {k: v for k, v in origin["state_dict"].items() if not k.startswith("network.")}
    own = {f"network.{k}": v.contiguous() for k, v in work.network.state_dict().items()}
    known = {
        **origin["mtl"],
        "settings": container(work.cfg),
        "metrics": _full_names(work, metrics),
        "resized": True,
    }
    found = io.BytesIO()
    torch.save({"state_dict": {**others, **own}, "mtl": known}, found)
    return found.getvalue()


def keep(work: Workpiece, order: Mapping[str, Any], stands: Sequence[Stand]) -> None:
    """Write the folder as it is after a step, all of it or nothing.

    Args:
        work: after the step.
        order: what was asked for, as plain values.
        stands: all until now.
    """
    last = stands[-1]
    main = {task: work.network.head(task).metrics[0] for task in work.network.tasks}
    table = {
        "order": dict(order),
        "split": work.split,
        "threads": torch.get_num_threads(),
        "main": main,
        "stands": [stand.plain for stand in stands],
    }
    contents = {
        CHECKPOINT: checkpoint_bytes(work, last.metrics),
        Path("config.yaml"): OmegaConf.to_yaml(work.cfg, resolve=True).encode(),
        Path("results.json"): _json(_results(work, stands)),
        Path(TABLE): _json(table),
        Path(TABLE).with_suffix(".md"): markdown(stands, main).encode(),
    }
    write_all({work.out / name: content for name, content in contents.items()})


def _results(work: Workpiece, stands: Sequence[Stand]) -> dict[str, Any]:
    """results.json: what a run has there, as far as it is so of a compressed one."""
    last = stands[-1]
    origin = read_json(work.run / "results.json")
    found = {
        "metrics": _full_names(work, last.metrics),
        "labelled": {work.split: dict(last.labelled)},
        "seed": work.cfg.seed,
        "epochs": origin.get("epochs"),
        "duration_s": round(sum(stand.seconds for stand in stands), 1),
        "parameters": last.parameters,
        "multiply_adds": last.multiply_adds,
        "compressed": {"run": str(work.run), "steps": [stand.step for stand in stands[1:]]},
    }
    return {key: value for key, value in found.items() if value is not None}


def _full_names(work: Workpiece, metrics: TaskMetrics) -> dict[str, float]:
    return {
        f"{work.split}/{task}/{name}": value
        for task, own in metrics.items()
        for name, value in own.items()
    }


def _json(content: Any) -> bytes:
    return printable(json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
