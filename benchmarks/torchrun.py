"""Two processes that torchrun starts: as one, killed within an epoch, and asked to leave.

    python -m benchmarks.torchrun

trains a run in one process and in two, for a weighting of each family; kills the two with SIGKILL
within an epoch and types the same command again; starts two with the variables of srun; and sends
signals to one of them, to both and to torchrun. It prints tables for ``docs/reliability.md``.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.processes import tree
from mtl.files import read_json

FAMILIES = {"losses": "uncertainty", "Gramian": "pcgrad", "gradients": "graddrop"}
RUN = [
    *("data=shapes", "tasks=[classification,box]", "image_size=36", "augmentation=none"),
    *("data.train=203", "data.val=10", "data.test=10", "data.workers=0", "epochs=2"),
    # Nothing of it depends on the single batch, so that halves of it make the same step.
    *("backbone=lenet", "backbone.dropout=0", "backbone.width=16"),
    *("batch_size=4", "trainer.total_batch=8", "trainer.log_every_n_steps=5"),
    *("callbacks.figures.enabled=false", "callbacks.curves.enabled=false", "logger=none"),
    "callbacks.checkpoint.every_minutes=1e-9",
]
TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true"]
LONGEST = 900
"""Seconds after which a command hangs."""


class Started:
    """A command, its output in a file."""

    def __init__(self, folder: Path, ranks: int, own: Sequence[str]) -> None:
        torchrun = ["torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "-m"]
        start = [sys.executable, "-m", *(torchrun if ranks > 1 else []), "mtl", "train", *RUN]
        self.log = folder.with_suffix(".log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*start, *(TWO if ranks > 1 else []), f"hydra.run.dir={folder}", *own],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
            )

    def wait(self) -> float:
        """Seconds until all has ended."""
        began = time.monotonic()
        self.process.wait(LONGEST)
        return time.monotonic() - began

    def ranks(self) -> list[int]:
        """The processes that train, in their order."""
        found: dict[int, int] = {}
        for pid in tree(self.process.pid)[1:]:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            rank = next((v for v in variables if v.startswith(b"RANK=")), None)
            if rank is not None:
                found.setdefault(int(rank.removeprefix(b"RANK=")), pid)
        return [found[rank] for rank in sorted(found)]

    def kill(self) -> None:
        """All of it, without warning."""
        for pid in tree(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


def trained(folder: Path, ranks: int, own: Sequence[str]) -> None:
    """Train a run to its end."""
    started = Started(folder, ranks, own)
    started.wait()
    if started.process.returncode:
        raise SystemExit(started.log.read_text())


def left(folder: Path) -> dict[str, Any]:
    """What a run has in ``last.ckpt``."""
    path = folder / "checkpoints" / "last.ckpt"
    found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return found


def difference(one: Path, other: Path) -> float:
    """The largest between weights of two runs."""
    states = [left(folder)["state_dict"] for folder in (one, other)]
    return max(
        float((states[0][k].double() - v.double()).abs().max()) for k, v in states[1].items()
    )


def verdict(same: bool) -> str:
    """Of a run that was resumed beside one that was never stopped."""
    return "the same to the last digit" if same else "DIFFERENT"


def in_the_middle(started: Started, folder: Path, written: int) -> None:
    """Return when a run has written its checkpoint some times."""
    path, seen = folder / "checkpoints" / "last.ckpt", set[int]()
    while len(seen) < written:
        if path.exists():
            seen.add(path.stat().st_mtime_ns)
        if started.process.poll() is not None:
            raise SystemExit(f"too early: {started.log.read_text()}")
        time.sleep(0.002)


def as_one(folder: Path) -> Iterator[str]:
    """One process, two, and two that are killed within an epoch."""
    moments = random.Random(0)
    for family, weighting in FAMILIES.items():
        own = [f"weighting={weighting}"]
        one, two, killed = (folder / f"{weighting}_{name}" for name in ("one", "two", "killed"))
        trained(one, 1, own)
        trained(two, 2, own)
        started = Started(killed, 2, own)
        in_the_middle(started, killed, moments.randrange(2, 9))
        time.sleep(moments.uniform(0, 0.1))
        started.kill()
        step, batches = left(killed)["global_step"], left(killed)["mtl"]["batches"]
        trained(killed, 2, own)
        metrics = [read_json(f / "results.json")["metrics"] for f in (one, two, killed)]
        furthest = max(abs(metrics[0][k] - v) for k, v in metrics[1].items())
        same = difference(two, killed) == 0 and metrics[1] == metrics[2]
        steps = ", ".join(str(left(run)["global_step"]) for run in (one, two))
        yield (
            f"| `{weighting}` ({family}) | {steps} | {difference(one, two):.0e} | {furthest:.0e} | "
            f"step {step} (batch {batches}) | {verdict(same)} |"
        )


def by_srun(folder: Path) -> str:
    """Two processes that find in their environment what srun would have put there."""
    own, run = f"weighting={FAMILIES['Gramian']}", folder / "srun"
    start = [sys.executable, "-m", "mtl", "train", *RUN, *TWO, own, f"hydra.run.dir={run}"]
    numbers = {"NTASKS": 2, "NTASKS_PER_NODE": 2, "STEP_NUM_TASKS": 2, "STEP_NUM_NODES": 1}
    numbers |= {"NNODES": 1, "NODEID": 0, "JOB_ID": os.getpid()}
    ranks = []
    for rank in range(2):
        own_numbers = numbers | {"PROCID": rank, "LOCALID": rank}
        slurm = {f"SLURM_{name}": str(number) for name, number in own_numbers.items()}
        with (folder / f"srun_{rank}.log").open("w") as log:
            env = {**os.environ, "OMP_NUM_THREADS": "1", **slurm}
            ranks.append(subprocess.Popen(start, env=env, stdout=log, stderr=log))
    codes = [rank.wait(LONGEST) for rank in ranks]
    same = difference(folder / f"{FAMILIES['Gramian']}_two", run) == 0
    silent = not (folder / "srun_1.log").read_text()
    return f"srun: codes {codes}, the second {'silent' if silent else 'SPEAKS'}, {verdict(same)}"


def asked_to_leave(folder: Path) -> Iterator[str]:
    """Signals to one, to both, and to torchrun; the last run goes on by the same command."""
    own = [f"weighting={FAMILIES['Gramian']}"]
    both: Callable[[Started], list[int]] = Started.ranks
    run = folder
    for name, number, whom in (
        ("SIGTERM to the first", signal.SIGTERM, lambda s: both(s)[:1]),
        ("SIGUSR1 to the second", signal.SIGUSR1, lambda s: both(s)[1:]),
        ("SIGUSR1 to both", signal.SIGUSR1, both),
        ("SIGTERM to torchrun", signal.SIGTERM, lambda s: [s.process.pid]),
        ("SIGTERM to all three", signal.SIGTERM, lambda s: [s.process.pid, *both(s)]),
    ):
        run = folder / name.replace(" ", "_")
        started = Started(run, 2, own)
        in_the_middle(started, run, 2)
        for pid in whom(started):
            os.kill(pid, number)
        seconds = started.wait()
        state = read_json(run / "status.json")["state"]
        step, within = left(run)["global_step"], left(run)["mtl"]["batches"] > 0
        yield f"| {name} | {seconds:.1f} s | {state} | {step}{', within an epoch' * within} |"
    trained(run, 2, own)
    same = difference(folder / f"{FAMILIES['Gramian']}_two", run) == 0
    yield f"The last one, resumed: {verdict(same)}"


def main() -> int:
    """Print what came of it, a line as soon as it is known."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print("| weighting | steps of one, of two | weights | metrics | killed | resumed |")
        for line in as_one(folder):
            print(line, flush=True)
        print(by_srun(folder), flush=True)
        print("| signal | gone after | status | left after step |")
        for line in asked_to_leave(folder):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
