"""``mtl predict`` against its bare network on tensors that lie ready, taking turns."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.augmentation import write_photographs
from benchmarks.results import Entry, paired, rounded
from benchmarks.surroundings import surroundings
from mtl.config.instantiate import container, make
from mtl.config.load import load
from mtl.data.preprocess.base import Preprocess
from mtl.data.sample import Target
from mtl.model.build import build_network
from mtl.runs.prediction.loop import Wish, predict
from mtl.runs.prediction.predictor import Predictor, device_named

CLASSES = ("a", "b", "c")
TARGETS = {
    "label": Target("label", CLASSES),
    "boxes": Target("boxes", CLASSES),
    "mask": Target("mask", ("ground", *CLASSES)),
}
NETWORK = (
    "tasks=[classification,detection,segmentation]",
    "backbone=resnet18",
    "image_size=224",
    "batch_size=16",
)
FORMATS = {"json": ("json",), "json and pictures": ("json", "pictures")}


def predict_throughput(
    count: int = 200, rounds: int = 5, network: Sequence[str] = NETWORK
) -> dict[str, Entry]:
    """Photographs of 640x480 as JPEG, to files of results.

    Args:
        count: photographs of a round.
        rounds: that count; one more warms up.
        network: overrides of the run.
    """
    predictor = untrained(network)
    rates: dict[str, list[float]] = {name: [] for name in ("bare", *FORMATS)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths, *_ = write_photographs(folder, count)
        batches = preloaded(predictor, paths)
        for number in range(rounds + 1):
            rates["bare"].append(
                count / seconds(lambda: [predictor.network.predict(b) for b in batches])
            )
            for formats, chosen in FORMATS.items():
                out = folder / f"{number}{formats}"
                took = seconds(
                    lambda out=out, chosen=chosen: predict(
                        predictor, paths, out, Wish(chosen), Console(quiet=True)
                    )
                )
                rates[formats].append(count / took)
    bare, *_ = rates.values()
    medians = {name: rounded(statistics.median(each[1:])) for name, each in rates.items()}
    return {
        f"predict_throughput/{formats.replace(' and ', '_')}": paired(
            rates[formats][1:],
            bare[1:],
            goal=0.9,
            better="higher",
            what=f"mtl predict from JPEGs to {formats}: images/s over those of the bare network",
            unit="images/s",
            medians=medians,
            **surroundings(),
        )
        for formats in FORMATS
    }


def untrained(overrides: Sequence[str]) -> Predictor:
    """A network that has learnt nothing, as a run would be opened."""
    cfg = load(overrides)
    torch.manual_seed(cfg.seed)
    network = build_network(cfg, TARGETS).to(memory_format=torch.channels_last)
    preprocess = make(container(cfg.preprocess), Preprocess, image_size=cfg.image_size)
    return Predictor(network, preprocess, cfg.batch_size, device_named("auto"))


def preloaded(predictor: Predictor, paths: Sequence[Path]) -> list[torch.Tensor]:
    """Normalised batches on the device."""
    ready = [torch.from_numpy(predictor.prepared(path).content[0]) for path in paths]
    pixels = torch.stack(ready).permute(0, 3, 1, 2).to(predictor.device)
    return [predictor.normalise(part) for part in pixels.split(predictor.batch_size)]


def seconds(step: Callable[[], object]) -> float:
    """How long something takes, its results on the CPU."""
    start = time.perf_counter()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start
