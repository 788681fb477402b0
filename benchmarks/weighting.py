"""What every weighting costs, against summed losses with one backward pass, in turns."""

import copy
import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from hydra.utils import get_class
from torch import Tensor, nn

from benchmarks import weighting_by_hand
from benchmarks.allocations import peak_of
from benchmarks.results import Entry, paired, rounded
from benchmarks.surroundings import surroundings
from benchmarks.weighting_by_hand import HandStep
from mtl.config.groups import members
from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.learning.build import build_module
from mtl.learning.module import MultiTaskModule
from mtl.learning.weighting.bases.losses import LossWeighting
from mtl.learning.weighting.bases.rows import RowWeighting
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
GOALS: Mapping[str, float | None] = {"losses": 1.05, "representation": 1.10, "stage": None}
"""Of single methods; at the parameters it is of the median over all of them."""
EVERY = 10
EVERY_GOALS: Mapping[str, float | None] = {"stage": 1.15, "parameters": 1.2}
"""With ``weighting.every=10``."""
MEDIAN_GOAL = 2.25
FORWARD_AGAIN = 1.4
"""For methods that look at the losses again after the step."""
WHOLE_GRADIENTS = 4.0
"""For methods that keep or change whole gradients, not only their inner products."""
BY_HAND: Mapping[str, weighting_by_hand.Combine] = {
    "pcgrad": weighting_by_hand.pcgrad,
    "mgda": weighting_by_hand.mgda,
}
TASKS = (3, 10, 20, 40)
Step = Callable[[], None]
Measure = Callable[[], Mapping[str, Entry]]


def measurements(rounds: int = 6, more: Sequence[str] = ()) -> dict[str, Measure]:
    """A training step of each method at each place: forward, backward, optimiser.

    Args:
        rounds: steps of each method that count; one more warms up.
        more: overrides of the configuration.

    Returns:
        Name of the entry to what measures it.
    """
    bench = cache(lambda: Bench(more))
    found: dict[str, Measure] = {}

    def add(key: str, measure: Callable[[Bench], Entry]) -> None:
        found[key] = lambda: {key: measure(bench())}

    for name in members("weighting"):
        for place in places(name):
            key = f"weighting/{name}" if place == "losses" else f"weighting/{name}/{place}"
            add(key, partial(Bench.entry, name=name, place=place, rounds=rounds))
            if place in EVERY_GOALS and "every" in defaults(name):
                add(
                    f"{key}/every={EVERY}",
                    partial(Bench.cycle, name=name, place=place, rounds=max(1, rounds // 6)),
                )
    for name, combine in BY_HAND.items():
        add(
            f"weighting/{name}/by_hand",
            partial(Bench.against_hand, name=name, combine=combine, rounds=rounds),
        )
    return found


def many_tasks(rounds: int = 3, more: Sequence[str] = ()) -> dict[str, Measure]:
    """What a step costs over summed losses with more and more tasks, by ``upgrad``.

    Args:
        rounds: see ``measurements``.
        more: likewise.
    """
    found: dict[str, Measure] = {}
    for count in TASKS:
        names = [f"t{number}" for number in range(count)]
        heads = [f"head@heads.{name}=classification" for name in names]
        bench = cache(partial(Bench, [*more, *heads, f"tasks=[{','.join(names)}]"]))
        for place, kind in (("representation", "entry"), ("parameters", "cycle")):
            every = f"/every={EVERY}" if kind == "cycle" else ""
            key = f"weighting/{count}_tasks/{place}{every}"

            def measure(
                key: str = key, bench: Any = bench, place: str = place, kind: str = kind
            ) -> Mapping[str, Entry]:
                entry = getattr(bench(), kind)(name="upgrad", place=place, rounds=rounds)
                return {key: replace(entry, goal=None)}

            found[key] = measure
    return found


def medians(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Over the methods that take a Gramian at the parameters, where all were measured."""
    wanted = [
        f"weighting/{name}/parameters"
        for name in members("weighting")
        if "every" in defaults(name) and name != "excess_mtl"
    ]
    if not all(key in entries for key in wanted):
        return {}
    ratios = [entries[key].ratio for key in wanted]
    what = f"median of {len(ratios)} methods' steps, at parameters"
    key = "weighting/median/parameters"
    return {key: Entry(rounded(statistics.median(ratios)), MEDIAN_GOAL, "lower", what)}


def defaults(name: str) -> dict[str, Any]:
    """What a method's yaml says."""
    return node_of("weighting", name)


def places(name: str) -> tuple[str, ...]:
    """Where a method can look."""
    found: tuple[str, ...] = getattr(get_class(defaults(name)["_target_"]), "places", ("losses",))
    return found


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

    def overrides(self, place: str, every: int = 1) -> list[str]:
        """Of a method that is to look at a place."""
        if place == "losses":
            return []
        at = self.last_stage if place == "stage" else place
        return [f"weighting.at={at}", *([f"weighting.every={every}"] if every > 1 else [])]

    def entry(self, name: str, place: str, rounds: int) -> Entry:
        """One method against summed losses."""
        module = self.module(name, self.overrides(place))
        optimizer = module.make_optimizer(module.network, module.weighting)
        step = framework_step(module, optimizer, self.batch)
        ours, theirs = in_turns(step, self.baseline, rounds)
        held = size_of(optimizer, module.network, module.weighting)
        memory = held + peak_of(step)
        base = self.baseline_memory
        goal, note = GOALS.get(place), ""
        if getattr(module.weighting, "looks_again", False):
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

    def cycle(self, name: str, place: str, rounds: int) -> Entry:
        """Steps from one finding of the weights to the next, against as many summed ones."""
        module = self.module(name, self.overrides(place, EVERY))
        optimizer = module.make_optimizer(module.network, module.weighting)
        step = framework_step(module, optimizer, self.batch)

        # The first step of each, which warms up, finds weights; of every ten that follow one does.
        one_by_one = in_turns(step, self.baseline, EVERY * rounds)
        parts = [slice(EVERY * i, EVERY * (i + 1)) for i in range(rounds)]
        ours, theirs = ([sum(m[part]) for part in parts] for m in one_by_one)

        return paired(
            ours,
            theirs,
            goal=EVERY_GOALS.get(place),
            better="lower",
            what=f"{EVERY} steps, at {place}, weights found in one of them",
            unit="ms",
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
    scale = torch.ones(())
    engine, weighting = module.gradient_step, module.weighting
    encode = module.network.encode if engine is None else engine.encode

    def step() -> None:
        part = module.accumulation.part(batch, *module.counted_losses(batch, encode))
        optimizer.zero_grad()
        if engine is None:
            weighting(part.losses).backward()
        else:
            engine.backward(part, scale, step=0)
        optimizer.step()
        if isinstance(weighting, LossWeighting) and weighting.looks_again:
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
    """MB of what modules keep and of the optimiser's state."""
    tensors = [t for m in modules for t in m.state_dict().values() if isinstance(t, Tensor)]
    states = optimizer.state.values()
    tensors += [v for state in states for v in state.values() if isinstance(v, Tensor)]
    return sum(t.numel() * t.element_size() for t in tensors) / 1e6
