"""Memory of a whole training, all its processes together."""

import os
import re
import subprocess
import sys
import tempfile
import threading

from benchmarks.processes import has_pss, memory_of, tree
from benchmarks.results import Entry, rounded
from benchmarks.surroundings import surroundings

PERIOD = 0.2
"""Seconds between two looks."""
LIMIT = 3.0
"""GB that the demo may take."""
EPOCHS = 6
EARLY = 2
"""The epoch that the last one is held against."""
EPOCH_LINE = re.compile(r"epoch +(\d+)/")


def demo_memory(epochs: int = EPOCHS) -> dict[str, Entry]:
    """Peak over the whole run, and the last epoch's peak over that of an early one."""
    samples = samples_by_epoch(["experiment=demo", f"epochs={epochs}"])
    peaks = {epoch: max(taken) for epoch, taken in samples.items()}
    raw = {
        "unit": "GB",
        "counted": "PSS" if has_pss(os.getpid()) else "RSS",
        "peak_of_epoch": {str(epoch): rounded(peak) for epoch, peak in peaks.items()},
        "samples": sum(len(taken) for taken in samples.values()),
        **surroundings(),
    }
    whole = Entry(
        rounded(max(peaks.values()) / LIMIT),
        1,
        "lower",
        f"peak memory of the demo, all processes, over {LIMIT:g} GB",
        raw,
    )
    flat = Entry(
        rounded(peaks[epochs] / peaks[EARLY]),
        1.05,
        "lower",
        f"peak memory in epoch {epochs} over that in epoch {EARLY}",
        raw,
    )
    return {"demo_memory": whole, "memory_flat": flat}


def samples_by_epoch(overrides: list[str]) -> dict[int, list[float]]:
    """GB of all processes at each look, by the epoch under way.

    Epoch 1 includes the start, and one more than there are the evaluation at the end.

    Args:
        overrides: of the training.

    Raises:
        RuntimeError: the training failed.
    """
    samples: dict[int, list[float]] = {1: []}
    with tempfile.TemporaryDirectory() as folder:
        training = subprocess.Popen(
            [sys.executable, "-m", "mtl", "train", *overrides, f"hydra.run.dir={folder}/run"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        over = threading.Event()

        def look() -> None:
            while not over.wait(PERIOD):
                samples[max(samples)].append(sum(map(memory_of, tree(training.pid))) / 1e9)

        looking = threading.Thread(target=look)
        looking.start()
        assert training.stdout is not None
        try:
            for line in training.stdout:
                if found := EPOCH_LINE.match(line):
                    samples[int(found[1]) + 1] = []
            code = training.wait()
        finally:
            over.set()
            looking.join()
    if code:
        raise RuntimeError(f"the training ended with {code}")
    return {epoch: taken for epoch, taken in samples.items() if taken}
