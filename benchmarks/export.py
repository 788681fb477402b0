"""An exported file in ONNX Runtime against the network in torch, a single image at a time."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.results import Entry, paired
from benchmarks.surroundings import surroundings
from mtl.config.load import load
from mtl.data.sample import Target
from mtl.model.build import build_network
from mtl.runs.export.graph import Graph
from mtl.runs.export.trace import traced

RESNET18 = ("data=shapes", "image_size=224", "backbone=resnet18", "tasks=[classification]")


def onnx_latency(rounds: int = 40, overrides: Sequence[str] = RESNET18) -> Entry:
    """Forward of one picture, in turns, both on as many threads as they take.

    Args:
        rounds: that count; five more warm up.
        overrides: of the configuration.
    """
    from mtl.runs.export import onnx_file  # which needs mtl[export]

    torch.manual_seed(0)
    network = build_network(load(overrides), {"label": Target("label", ("a", "b", "c"))}).eval()
    graph = Graph(network, network.tasks).eval()
    names = list(graph(graph.example))
    run = onnx_file.opened(onnx_file.contents(traced(graph, False), names, "{}", Path("m.onnx")))
    network.to(memory_format=torch.channels_last)
    image = torch.randn(1, *graph.example.shape[1:])
    picture = image.contiguous(memory_format=torch.channels_last)
    eager, file = [], []
    for _ in range(rounds + 5):
        eager.append(milliseconds(lambda: network.predict(picture)))
        file.append(milliseconds(lambda: run(image.numpy())))
    return paired(
        eager[5:],
        file[5:],
        goal=1.6,
        better="higher",
        what="torch's time over ONNX Runtime's for one picture of 224 px, ResNet-18, float32",
        unit="ms",
        **surroundings(),
    )


def milliseconds(work: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)
