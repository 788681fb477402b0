"""What of a run's curves is drawn when, and how it is shown."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from mtl.drawing.curves.pictures import pictures
from mtl.learning.callbacks.curves import RunCurves
from mtl.learning.logger.pr_curves import LEVELS, raw
from mtl.runs.eval_curves import class_tables


def trainer_of(tests: bool, folder: Path) -> Any:
    module = SimpleNamespace(settings={"test": tests})
    data = SimpleNamespace(source=lambda split: object())
    return SimpleNamespace(
        lightning_module=module, datamodule=data, is_global_zero=True, loggers=[],
        global_step=7, default_root_dir=str(folder),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("every", "tests", "asked"),
    [
        (2, True, [False, True, False, True]),
        (0, True, [False] * 4),
        (3, False, [True] * 4),
    ],
)
def test_validations_that_are_watched(
    every: int, tests: bool, asked: list[bool], tmp_path: Path
) -> None:
    """Those that are drawn, and all where the best one's will be kept; also after a restart."""
    trainer = trainer_of(tests, tmp_path)
    first, second = RunCurves(every), RunCurves(every)
    seen = [first.asked(trainer, "val") for _ in range(2)]
    second.load_state_dict(first.state_dict())
    assert seen + [second.asked(trainer, "val") for _ in range(2)] == asked
    assert second.asked(trainer, "test")


def test_validation_is_drawn_and_test_is_written_too(tmp_path: Path) -> None:
    callback, trainer = RunCurves(1), trainer_of(True, tmp_path)
    curve = {"fpr": [0.0, 1.0], "tpr": [0.0, 1.0], "auc": 0.5}
    module: Any = trainer.lightning_module
    assert callback.asked(trainer, "val")
    callback.found(trainer, module, "val", {"t": {"roc": {"all": curve}}})
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert files == {"figures/val_t_roc.png"}
    callback.found(trainer, module, "test", {"t": {"roc": {"all": curve}}})
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} - files
    assert files == {"figures/test_t_roc.png", "curves/test.json"}


def test_tensorboard_gets_the_counts_at_even_thresholds() -> None:
    """Two positives at 0.9 and 0.5, two negatives at 0.7 and 0.2."""
    curve = {
        "recall": [0, 0.5, 0.5, 1, 1],
        "precision": [1, 1, 0.5, 2 / 3, 0.5],
        "threshold": [0.9, 0.9, 0.7, 0.5, 0.2],
        "positives": 2,
        "negatives": 2,
    }
    columns = np.array(raw(curve))
    levels = np.linspace(0, 1, LEVELS)
    for level, counts in ((1.0, [0, 0, 2, 2]), (0.8, [1, 0, 2, 1]), (0.4, [2, 1, 1, 0])):
        place = np.abs(levels - level).argmin()
        assert columns[:4, place] == pytest.approx(counts, abs=1e-6)
    assert columns[:, 0] == pytest.approx([2, 2, 0, 0, 0.5, 1])


@pytest.mark.slow
def test_many_classes_and_odd_names_are_drawn() -> None:
    names = ["$a_b", "_c", "a very long name of a class that nobody would want to read", *"defghij"]
    curve = {"recall": [0.0, 1.0], "precision": [1.0, 0.5], "ap": 0.75}
    curves = {
        "confusion": {"classes": names, "counts": (np.eye(10, dtype=int) * 12_345).tolist()},
        "pr": {"all": curve, **dict.fromkeys(names, curve)},
        "calibration": {"confidence": [0.5], "accuracy": [0.25], "count": [4], "ece": 0.25},
        "per_class": [],
    }
    drawn = pictures(curves, "task, test")
    assert drawn.keys() == {"confusion", "pr", "calibration"}
    for canvas in drawn.values():
        assert canvas.shape[2] == 3
        assert 300 < canvas.shape[0] < 1000 > canvas.shape[1] > 300
    many = {
        "confusion": {
            "classes": [str(n) for n in range(200)],
            "counts": np.zeros((200, 200)).tolist(),
        }
    }
    assert pictures(many, "x")["confusion"].shape[0] < 1000


def test_table_of_the_classes_fits_eighty_columns() -> None:
    row = {"class": "c" * 60, "precision": 0.5, "recall": None, "f1": 1.0, "ap50": 0.25}
    rows = [{**row, "support": 1_234_567}] * 2
    curves = {"detection": {"per_class": rows}, "one": {"per_class": rows[:1]}, "box": {}}
    (table,) = class_tables(curves)
    out = io.StringIO()
    Console(file=out, width=80).print(table)
    head, line, _ = out.getvalue().splitlines()
    assert head.split() == ["detection", "precision", "recall", "f1", "ap50", "support"]
    assert line.split() == ["c" * 23 + "…", "0.5000", "-", "1.0000", "0.2500", "1234567"]
    assert len(line) <= 80


def test_of_many_classes_those_with_most_to_go_by_are_shown() -> None:
    rows = [{"class": f"c{n}", "f1": 0.5, "support": n % 40} for n in range(80)]
    (table,) = class_tables({"detection": {"per_class": rows}})
    out = io.StringIO()
    Console(file=out, width=80).print(table)
    _, *lines, last = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["c39", "c79", "c38", "c78"]
    assert len(lines) == 15
    assert last.strip() == "(65 more)"
