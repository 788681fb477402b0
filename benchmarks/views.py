"""Four turned views against one: time of a step, and memory with and without checkpointing."""

import itertools
import time
from collections.abc import Mapping, Sequence

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.results import Entry, paired, rounded
from benchmarks.surroundings import surroundings
from mtl.config.load import load
from mtl.data.sample import Target
from mtl.model.build import build_network
from mtl.model.network import Network

FOUR = ("views=rotations", "encoder=shared", "fusion=mean")
KINDS: Mapping[str, Sequence[str]] = {
    "one view": (),
    "four views": FOUR,
    "four views, checkpointing": (*FOUR, "views.checkpointing=true"),
}
BATCH = 16


def views_cost(rounds: int = 15, more: Sequence[str] = ()) -> dict[str, Entry]:
    """Forward and backward of a ResNet-18 on 16 images of 64 px, in turns.

    Args:
        rounds: steps of each kind that count; two more warm up.
        more: overrides of the configuration.
    """
    networks = {kind: network(kind, more) for kind in KINDS}
    image = pictures(more)
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(rounds + 2):
        for kind, made in networks.items():
            start = time.perf_counter()
            step(made, image)
            seconds[kind].append(1000 * (time.perf_counter() - start))
    one, four, saving = (taken[2:] for taken in seconds.values())
    memory = {kind: peak_of_step(made, image) for kind, made in networks.items()}
    cost = paired(
        four,
        one,
        goal=3.5,
        better="lower",
        what="forward and backward of four quarter-turn views over those of one, ResNet-18, 64 px",
        unit="ms",
        checkpointing_ms=rounded(sorted(saving)[len(saving) // 2]),
        **surroundings(),
    )
    _, kept, again = memory.values()
    saved = Entry(
        rounded(again / kept),
        0.8,
        "lower",
        "peak memory of a step of four views, with checkpointing over without",
        {
            "unit": "MB",
            "counted": "torch's allocations (its profiler), gradients of the weights included",
            **memory,
            **surroundings(),
        },
    )
    return {"four_views": cost, "views_checkpointing": saved}


def network(kind: str, more: Sequence[str] = ()) -> Network:
    """One of ``KINDS`` with a classification head."""
    torch.manual_seed(0)
    base = ("data=shapes", "image_size=64", "backbone=resnet18", "tasks=[classification]")
    made = build_network(
        load([*base, *KINDS[kind], *more]), {"label": Target("label", ("a", "b", "c"))}
    )
    return made.to(memory_format=torch.channels_last).train()


def pictures(more: Sequence[str] = ()) -> torch.Tensor:
    """A batch of noise as the normalisation hands it on."""
    size = load(["data=shapes", "image_size=64", *more]).image_size
    return torch.randn(BATCH, 3, size, size).contiguous(memory_format=torch.channels_last)


def step(made: Network, image: torch.Tensor) -> None:
    """Forward and backward."""
    made.zero_grad()
    made(image)["classification"].square().mean().backward()


def peak_of_step(made: Network, image: torch.Tensor) -> float:
    """MB that torch's allocator holds at most during a step, beyond what it held before."""
    made.zero_grad()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step(made, image)
    assert seen.profiler is not None
    kineto = seen.profiler.kineto_results
    assert kineto is not None
    events = [event for event in kineto.events() if event.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    held = itertools.accumulate(event.nbytes() for event in events)
    return rounded(max(held) / 1e6)
