"""What every weighting costs, against summed losses with one backward pass, in turns."""

import copy
import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from benchmarks import weighting_by_hand
from benchmarks.allocations import peak_of
from benchmarks.results import Entry, paired, rounded
from benchmarks.surroundings import surroundings
from benchmarks.weighting_by_hand import HandStep
from mtl.config.groups import members
from mtl.config.load import load
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.learning.build import build_module
from mtl.learning.gradients.ranks import over_ranks
from mtl.learning.module import MultiTaskModule
from mtl.learning.weighting.rows import RowWeighting
from mtl.model.build import build_network

BASE = (
    "data=shapes",
    "image_size=64",
    "backbone=resnet18",
    "tasks=[classification,box,segmentation]",
    "augmentation=none",
    "data.train=32",
    "data.val=2",
    "data.test=2",
    "batch_size=32",
)
GOALS = {"losses": 1.03, "representation": 1.10, "stage": 1.35, "parameters": 2.2}
FORWARD_AGAIN = 1.4
"""For methods that look at the losses again after the step."""
WHOLE_GRADIENTS = 4.0
"""For methods that keep or change whole gradients, not only their inner products."""
BY_HAND: Mapping[str, weighting_by_hand.Combine] = {
    "pcgrad": weighting_by_hand.pcgrad,
    "mgda": weighting_by_hand.mgda,
}
Step = Callable[[], None]


def weighting_cost(
    rounds: int = 6, names: Sequence[str] | None = None, more: Sequence[str] = ()
) -> dict[str, Entry]:
    """A training step on one batch: forward, backward, optimiser.

    Args:
        rounds: steps of each method that count; one more warms up.
        names: of the methods; None for all.
        more: overrides of the configuration.
    """
    bench = Bench(more)
    entries: dict[str, Entry] = {}
    for name in names or list(members("weighting")):
        for place, overrides in bench.places(name).items():
            key = f"weighting/{name}" if place == "losses" else f"weighting/{name}/{place}"
            entries[key] = bench.entry(name, place, overrides, rounds)
    for name, combine in BY_HAND.items():
        if names is None or name in names:
            entries[f"weighting/{name}/by_hand"] = bench.against_hand(name, combine, rounds)
    return entries


class Bench:
    """One network and batch for all methods, and a copy for the baseline.

    Args:
        more: overrides of the configuration.
    """

    def __init__(self, more: Sequence[str]) -> None:
        self.more = list(more)
        cfg = load([*BASE, *self.more])
        torch.manual_seed(cfg.seed)
        data = build_data(cfg)
        data.prepare_data()
        self.batch: Batch = data.finish(
            next(iter(data.loader("train", training=True))), training=True
        )
        self.network = build_network(cfg, data.targets)
        self.last_stage = self.network.encoder.description[-1].name
        self.baseline = self.by_hand(None)
        self.baseline()
        self.baseline_memory = peak_of(self.baseline)
        self.baseline_memory += size_of(self.baseline.optimizer, self.baseline_network)

    def module(self, name: str, overrides: Sequence[str] = ()) -> MultiTaskModule:
        cfg = load([*BASE, *self.more, f"weighting={name}", *overrides])
        return build_module(cfg, self.network).train()

    def places(self, name: str) -> dict[str, list[str]]:
        """Where a method can look, and the overrides that make it."""
        weighting = self.module(name).weighting
        places = getattr(weighting, "places", None)
        if places is None:
            return {"losses": []}
        at = {"stage": self.last_stage}
        return {place: [f"weighting.at={at.get(place, place)}"] for place in places}

    def entry(self, name: str, place: str, overrides: Sequence[str], rounds: int) -> Entry:
        """One method against summed losses."""
        module = self.module(name, overrides)
        optimizer = module.make_optimizer(module.network, module.weighting)
        step = framework_step(module, optimizer, self.batch)
        ours, theirs = in_turns(step, self.baseline, rounds)
        held = size_of(optimizer, module.network, module.weighting)
        memory = held + peak_of(step)
        base = self.baseline_memory
        goal, note = GOALS[place], ""
        if module.weighting.looks_again:
            goal, note = FORWARD_AGAIN, ", one more forward pass"
        elif isinstance(module.weighting, RowWeighting) or name == "excess_mtl":
            goal, note = WHOLE_GRADIENTS, ", works on whole gradients"
        return paired(
            ours,
            theirs,
            goal=goal,
            better="lower",
            what=f"step, at {place}{note}; memory {memory / base:.2f}",
            unit="ms",
            memory_ratio=rounded(memory / base),
            memory_mb=rounded(memory),
            memory_mb_baseline=rounded(base),
            **surroundings(),
        )

    def against_hand(self, name: str, combine: weighting_by_hand.Combine, rounds: int) -> Entry:
        """One method at the parameters against a loop by hand."""
        module = self.module(name)
        optimizer = module.make_optimizer(module.network, module.weighting)
        step = framework_step(module, optimizer, self.batch)
        hand = self.by_hand(combine)
        ours, theirs = in_turns(step, hand, rounds)
        _, base = in_turns(hand, self.baseline, max(1, rounds // 2))
        relative = statistics.median(theirs) / statistics.median(base)
        return paired(
            ours,
            theirs,
            goal=1.05,
            better="lower",
            what=f"step over a hand-written loop, which is {relative:.2f} of summed losses",
            unit="ms",
            hand_over_equal=rounded(relative),
            **surroundings(),
        )

    def by_hand(self, combine: weighting_by_hand.Combine | None) -> HandStep:
        """A loop by hand on a copy of the network."""
        network = copy.deepcopy(self.network).to(memory_format=torch.channels_last).train()
        if combine is None:
            self.baseline_network = network
        heads = {task: network.head(task) for task in network.tasks}

        def losses() -> list[Tensor]:
            outputs = network.labelled_outputs(self.batch)
            return [heads[task].loss(raw, labels) for task, (raw, labels) in outputs.items()]

        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
        shared, own = list(network.encoder.parameters()), list(network.heads.parameters())
        return HandStep(losses, shared, own, optimizer, combine)


def framework_step(module: MultiTaskModule, optimizer: torch.optim.Optimizer, batch: Batch) -> Step:
    """What the module does in a step, without Lightning's loop around it."""
    factor = torch.ones(())
    engine, weighting = module.gradient_step, module.weighting

    def step() -> None:
        if engine is None:
            local, counts = module.counted_losses(batch)
        else:
            with engine.watching():
                local, counts = module.counted_losses(batch)
        losses = over_ranks(module.network.tasks, local, counts, module.device)
        total: Tensor = weighting(losses.shared())
        optimizer.zero_grad()
        if engine is None:
            total.backward()  # type: ignore[no-untyped-call]
        else:
            engine.backward(losses, factor, batches=1, last=True, step=0)
        optimizer.step()
        if weighting.looks_again:
            with torch.no_grad():
                weighting.after_step(module.losses(batch))

    return step


def in_turns(one: Step, other: Step, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of both, step by step; the first of each doesn't count."""
    seconds: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    for _ in range(rounds + 1):
        for place, step in enumerate((one, other)):
            start = time.perf_counter()
            step()
            seconds[place].append(1000 * (time.perf_counter() - start))
    return seconds[0][1:], seconds[1][1:]


def size_of(optimizer: torch.optim.Optimizer, *modules: nn.Module) -> float:
    """MB of parameters, buffers and the optimiser's state."""
    tensors = [t for module in modules for t in (*module.parameters(), *module.buffers())]
    states = optimizer.state.values()
    tensors += [v for state in states for v in state.values() if isinstance(v, Tensor)]
    return sum(t.numel() * t.element_size() for t in tensors) / 1e6
