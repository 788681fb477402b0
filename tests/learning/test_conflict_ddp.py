"""Two processes on the processor see the gradients of the whole batch."""

import csv
from pathlib import Path

import fresh
import pytest
import torch
from training_kit import (
    build_data,
    build_module,
    build_network,
    build_trainer,
    quiet_lightning,
    write_conf,
)

from mtl.config.load import load
from mtl.learning.callbacks.conflict import Conflict
from mtl.learning.logger.csv_file import CsvFile

BASE = "backbone=plain augmentation=none optimizer=sgd scheduler=constant data=alternating epochs=1"
BASE += " data.train=24 data.val=2 data.test=2 data.workers=0 trainer.accelerator=cpu"
FORK = "trainer=ddp trainer.strategy=ddp_fork_find_unused_parameters_true"


def train_all(folder: Path) -> None:
    """Two methods, each in two processes and in one."""
    quiet_lightning()
    # Forks come first: a process that has gone backward once can't.
    for ranks, more in ((2, FORK), (1, "trainer=cpu")):
        for weighting in ("equal", "mgda"):
            own = f"{more} {BASE} trainer.precision=32-true trainer.devices={ranks}".split()
            own += [f"batch_size={8 // ranks}", f"weighting={weighting}"]
            cfg = load(own, folder / "conf")
            torch.manual_seed(0)
            data = build_data(cfg)
            data.prepare_data()
            module = build_module(cfg, build_network(cfg, data.targets))
            place = folder / f"{weighting}{ranks}"
            place.mkdir(exist_ok=True)
            trainer = build_trainer(cfg, place, [Conflict(every=1)], [CsvFile(place)])
            trainer.fit(module, datamodule=data)


def test_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    write_conf(tmp_path / "conf")
    done = fresh.start(train_all, tmp_path, cwd=tmp_path).wait()
    assert done.code == 0, done.out + done.err
    for weighting in ("equal", "mgda"):
        both, alone = (
            {
                (row["step"], row["metric"]): float(row["value"])
                for row in csv.DictReader(
                    (tmp_path / f"{weighting}{ranks}/metrics.csv").read_text().splitlines()
                )
                if row["metric"].startswith("conflict/")
            }
            for ranks in (2, 1)
        )
        assert both == pytest.approx(alone, rel=1e-4, abs=1e-5)
        assert len({step for step, _ in both}) == 3
        assert ("1", "conflict/second/cosine/a-b") in both
