"""How long a network, and the file that was made of it, take from pictures to decisions."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtl.model.network import Network

BATCHES = (1, 16)
WARM_UP = 3
Runs = Mapping[str, Callable[[Tensor], Any]]


@dataclass(frozen=True)
class Latency:
    """Milliseconds.

    Args:
        median: of the repeats.
        p95: 95th percentile of them.
    """

    median: float
    p95: float


Latencies = Mapping[str, Mapping[int, Latency]]
"""``eager`` and ``onnx`` to batch size to how long it takes."""


def latencies(
    network: Network | None,
    model: Path | None,
    side: int,
    channels: int,
    repeats: int,
    batches: Sequence[int] = BATCHES,
) -> Latencies:
    """Time both in turns, so that both see the same machine, on as many threads as torch uses.

    Args:
        network: on the CPU, in evaluation mode; None where the file alone counts.
        model: an ONNX file; None where there is none.
        side: of the pictures in pixels.
        channels: of the pictures.
        repeats: of a batch of one; larger batches are repeated a quarter as often. 0: nothing is
            timed.
        batches: their sizes.
    """
    runs: dict[str, Callable[[Tensor], Any]] = {}
    if network is not None:
        runs["eager"] = network.predict
    if model is not None:
        runs["onnx"] = _session(model)
    found: dict[str, dict[int, Latency]] = {name: {} for name in runs}
    for batch in batches if repeats else ():
        image = torch.randn(batch, channels, side, side, generator=torch.Generator().manual_seed(0))
        times = _in_turns(runs, image, repeats if batch == 1 else max(3, repeats // 4))
        for name, taken in times.items():
            median, p95 = np.percentile(taken, [50, 95])
            found[name][batch] = Latency(round(float(median), 3), round(float(p95), 3))
    return found


def _in_turns(runs: Runs, image: Tensor, repeats: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(WARM_UP + repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run(image)
            if number >= WARM_UP:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def _session(model: Path) -> Callable[[Tensor], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"image": image.numpy()})
