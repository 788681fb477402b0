"""One training with baselines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_kit import write_conf


@pytest.mark.slow
def test_results_hold_the_gain(mtl: Callable[..., Any], tmp_path: Path) -> None:
    conf = write_conf(tmp_path / "conf")
    own = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4", "epochs=1"]
    own += ["callbacks.figures.enabled=false", "encoder=per_task", "hydra.run.dir=run"]
    command = ["train", "--config-dir", str(conf), *own]
    result = mtl(*command, "baselines=true")
    assert result.code == 0, result.err
    results = json.loads(Path("run/results.json").read_text())
    folders = results["gain"]["baselines"]
    alone = {
        task: json.loads((Path(folder) / "results.json").read_text())["metrics"]
        for task, folder in folders.items()
    }
    metrics = results["metrics"]
    for name, change in results["gain"]["metrics"].items():
        value = alone[name.split("/")[1]][name]
        assert change == pytest.approx((metrics[name] - value) / value)
    tasks = results["gain"]["tasks"]
    assert metrics["test/delta_m"] == pytest.approx((tasks["a"] + tasks["b"]) / 2)
    assert "multi-task gain" in result.out
    (count,) = {*results["labelled"]["test"].values()}
    assert f"of one seed and {count} labelled test images: mtl compare" in result.out
    logged = EventAccumulator("run").Reload().Scalars("test/delta_m")
    assert logged[-1].value == pytest.approx(metrics["test/delta_m"])
    assert "test/a/delta" in Path("run/metrics.csv").read_text()
    # Asked once more, and of the run that has ended.
    assert "trained before" in mtl(*command, "baselines=true").out
    assert json.loads(Path("run/results.json").read_text()) == results
