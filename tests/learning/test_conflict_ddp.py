"""Two processes on the processor see the gradients of the whole batch."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from training_kit import write_conf

HERE = Path(__file__).parents[1]
PROGRAM = """
import sys
from pathlib import Path

import torch
from training_kit import build_data, build_module, build_network, build_trainer, quiet_lightning

from mtl.learning.callbacks.conflict import Conflict
from mtl.config.load import load
from mtl.learning.logger.csv_file import CsvFile

folder = Path(sys.argv[1])
BASE = "backbone=plain augmentation=none optimizer=sgd scheduler=constant data=alternating epochs=1"
BASE += " data.train=24 data.val=2 data.test=2 data.workers=0 trainer.accelerator=cpu"
FORK = "trainer=ddp trainer.strategy=ddp_fork_find_unused_parameters_true"
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
"""


def test_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    write_conf(tmp_path / "conf")
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
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
