"""Trainings that are killed at random moments go on to the last digit of one that never was.

    python -m benchmarks.kills 20

trains a tiny network once undisturbed. Then it trains it again and again, each time killed with
SIGKILL at a moment drawn evenly from the time that the first one took (what is being written
then, if anything, is shown), and begun again in the same folder until it has finished. Every run
is held against the first: each number of results.json that is no duration, and each tensor of both
checkpoints.
"""

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig

from mtl.config.load import load
from mtl.files import read_json
from mtl.runs.train import train

RUN = [
    "data=shapes",
    "data.train=48",
    "data.val=8",
    "data.test=8",
    "data.workers=0",
    "image_size=32",
    "batch_size=8",
    "epochs=5",
    "tasks=[classification,detection]",
    "heads.classification.dropout=0.3",
    "heads.detection.channels=32",
    "backbone.width=8",
    "augmentation=c_rmtl",
    "scheduler=onecycle",
    "weighting=famo",
    "callbacks.ema.enabled=true",
    "callbacks.curves.enabled=false",
]
VARIANTS = ([], ["callbacks.checkpoint.every_minutes=1e-9"], ["data.workers=2"])
"""At the ends of epochs alone; after every step; with data-loading processes."""
COMPARED = ("metrics", "best", "epochs", "seed", "parameters")


def begun(cfg: DictConfig, folder: Path) -> int:
    """Fork a process that trains, whose words go into ``folder.txt``; its number."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            log = os.open(f"{folder}.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            train(cfg, folder)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Wait; the exit code, less than 0 for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(cfg: DictConfig, folder: Path, moment: float) -> str | None:
    """Train until a moment; what there was then, or None where the run was over before."""
    child = begun(cfg, folder)
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    if ended(child) != -signal.SIGKILL:
        return None
    last = folder / "checkpoints" / "last.ckpt"
    parts = [path.name for path in folder.rglob("*.part")]
    return f"last.ckpt {'there' if last.exists() else 'not yet there'}" + "".join(
        f", writing {name}" for name in parts
    )


def differs(whole: Path, other: Path) -> str | None:
    """What of two finished runs is not the same, if anything."""
    left, right = (read_json(folder / "results.json") for folder in (whole, other))
    for key in COMPARED:
        if left[key] != right[key]:
            return f"results.json: {key}"
    for name in ("best", "last"):
        left, right = (
            torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
            for folder in (whole, other)
        )
        if left["epoch"] != right["epoch"]:
            return f"{name}.ckpt: epoch"
        if left["state_dict"].keys() != right["state_dict"].keys():
            return f"{name}.ckpt: names of tensors"
        for tensor, value in left["state_dict"].items():
            if not torch.equal(value, right["state_dict"][tensor]):
                return f"{name}.ckpt: {tensor}"
    return None


def main(arguments: Sequence[str]) -> int:
    """Kill as many trainings as the first argument says."""
    torch.set_num_threads(1)
    wanted = int(arguments[0]) if arguments else 20
    moments, equal = random.Random(0), 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        began = time.monotonic()
        if ended(begun(load(RUN), folder / "whole")) != 0:
            raise SystemExit((folder / "whole.txt").read_text())
        took = time.monotonic() - began
        for number in range(wanted):
            cfg, run = load([*RUN, *VARIANTS[number % len(VARIANTS)]]), folder / f"run{number}"
            there, tries = None, 0
            while there is None:
                tries += 1
                run = folder / f"run{number}_{tries}"
                moment = moments.uniform(0, took)
                there = killed(cfg, run, moment)
            code = ended(begun(cfg, run))
            other = f"exit code {code}" if code else differs(folder / "whole", run)
            equal += other is None
            print(f"{number + 1:>2}: {moment:5.2f} of {took:.2f} s, {there}: {other or 'equal'}")
    print(f"{equal} of {wanted} equal")
    return int(equal < wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
