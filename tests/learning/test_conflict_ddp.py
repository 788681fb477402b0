"""Two processes on the processor see the gradients of the whole batch."""

import csv
from pathlib import Path

import pytest
from omegaconf import DictConfig
from ranks_kit import trained
from training_kit import fit

from mtl.learning.callbacks.conflict import Conflict
from mtl.learning.logger.csv_file import CsvFile

BASE = "backbone=plain augmentation=none optimizer=sgd scheduler=constant data=alternating epochs=1"
BASE += " data.train=24 data.val=2 data.test=2 data.workers=0"


def watched(cfg: DictConfig, folder: Path) -> None:
    """Write ``metrics.csv``."""
    fit(cfg, folder, Conflict(every=1), loggers=[CsvFile(folder)])


def test_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    trained(tmp_path, {name: f"{BASE} weighting={name}" for name in ("equal", "mgda")}, watched)
    for weighting in ("equal", "mgda"):
        both, alone = (
            {
                (row["step"], row["metric"]): float(row["value"])
                for row in csv.DictReader(
                    (tmp_path / weighting / ranks / "metrics.csv").read_text().splitlines()
                )
                if row["metric"].startswith("conflict/")
            }
            for ranks in ("2", "1")
        )
        assert both == pytest.approx(alone, rel=1e-4, abs=1e-5)
        assert len({step for step, _ in both}) == 3
        assert ("1", "conflict/second/cosine/a-b") in both
