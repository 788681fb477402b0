"""What ``mtl calibrate`` leaves in a run's folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.drawing.curves.lines import Line, draw_lines
from mtl.drawing.write import encoded_png
from mtl.files import write_all
from mtl.model.calibration.base import FittedTask
from mtl.model.calibration.temperature import FittedTemperature
from mtl.runs.calibration.file import FILE, KEY, VERSION


def write_calibration(
    tasks: Mapping[str, FittedTask], folder: Path, network: str, **more: Any
) -> list[Path]:
    """Write ``calibration.json`` and the pictures, all or none.

    Args:
        tasks: what was found.
        folder: of the run.
        network: see ``RunCalibration``.
        more: further entries, for people.

    Returns:
        The files, the JSON first.
    """
    content = {
        KEY: VERSION,
        "network": network,
        **more,
        "tasks": {task: entry(fitted) for task, fitted in tasks.items()},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files = {folder / FILE: text.encode()}
    for task, fitted in tasks.items():
        if fitted.temperature is not None:
            canvas = reliability_diagram(fitted.temperature, task)
            files[folder / "figures" / f"calibration_{task}.png"] = encoded_png(canvas)
    write_all(files)
    return list(files)


def entry(fitted: FittedTask) -> dict[str, Any]:
    """A task's: what is used (``temperature`` and ``thresholds``), and what it does (the rest)."""
    found: dict[str, Any] = {**vars(fitted.calibration)}
    temperature = fitted.temperature
    if temperature is not None:
        found |= {
            "ece": list(temperature.ece),
            "nll": list(temperature.nll),
            "decisions": temperature.decisions,
            "note": temperature.note,
        }
    if fitted.thresholds:
        found["classes"] = [asdict(chosen) for chosen in fitted.thresholds]
    return found


def reliability_diagram(temperature: FittedTemperature, task: str) -> npt.NDArray[np.uint8]:
    """How often decisions are right, by how sure they are: before in colour, after in black."""
    before, after = temperature.reliability
    number = {"before": 0, "after": None}
    lines = [
        Line(f"{when}, ECE {bins['ece']:.3f}", bins["confidence"], bins["accuracy"], number[when])
        for when, bins in (("before", before), ("after", after))
    ]
    return draw_lines(
        lines,
        f"{task}: calibration, temperature {temperature.value:.3f}",
        "confidence",
        "share that is right",
        diagonal=True,
        dots=True,
    )
