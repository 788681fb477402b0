"""Static int8 in ONNX Runtime against the network in torch, a single image at a time."""

import copy
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch

from benchmarks.export import milliseconds
from benchmarks.results import Entry, paired, rounded
from benchmarks.surroundings import surroundings
from mtl.config.load import load
from mtl.data.sample import Target
from mtl.model.build import build_network
from mtl.runs.export.graph import Graph
from mtl.runs.export.trace import traced

GOALS: Mapping[str, float] = {"resnet18": 2.8, "resnet50": 5.0}
"""By which factor int8 is to be faster."""
INT8 = "ONNX Runtime, int8"
WARM_UP = 5


def int8_latency(backbone: str, rounds: int = 40, size: int = 224) -> Entry:
    """Forward of one picture, in turns, all on as many threads as they take.

    The weights are random: they decide nothing about the time.

    Args:
        backbone: of a network with a classification head.
        rounds: that count.
        size: of the picture, in pixels.
    """
    from mtl.runs.compression.quantize.prepared import parsed
    from mtl.runs.compression.quantize.quantiser import Quantiser
    from mtl.runs.export import onnx_file  # which needs mtl[export]

    torch.manual_seed(0)
    settings = [
        "data=shapes",
        f"image_size={size}",
        f"backbone={backbone}",
        "tasks=[classification]",
    ]
    network = build_network(load(settings), {"label": Target("label", ("a", "b", "c"))}).eval()
    graph = Graph(network, network.tasks).eval()
    content = onnx_file.contents(traced(graph, False), list(graph(graph.example)), "{}", Path("m"))
    (whole,) = content.values()
    some = [torch.randn(2, 3, size, size).numpy()]
    small = Quantiser.of(parsed(whole), some).int8().SerializeToString()
    files = {"ONNX Runtime": onnx_file.session(whole), INT8: onnx_file.session(small)}
    image = torch.randn(1, 3, size, size)
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    turned = image.contiguous(memory_format=torch.channels_last)
    runs: dict[str, Callable[[], object]] = {
        "torch": lambda: network.predict(image),
        "torch, channels last": lambda: last.predict(turned),
        **{name: partial(run, image.numpy()) for name, run in files.items()},
    }
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(WARM_UP + rounds):
        for name, run in runs.items():
            spent = milliseconds(run)
            if number >= WARM_UP:
                taken[name].append(spent)
    return paired(
        taken["torch"],
        taken[INT8],
        goal=GOALS[backbone],
        better="higher",
        what=f"torch's time in float32 over ONNX Runtime's in static int8, one picture, {backbone}",
        unit="ms",
        medians={name: rounded(statistics.median(found)) for name, found in taken.items()},
        **surroundings(),
    )
