"""The backward pass of a step whose tasks' gradients are found one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.learning.gradients.accumulation import Part
from mtl.learning.gradients.combine import Found, add_into, owned, total, weighted, write
from mtl.learning.gradients.features import FeatureLeaves
from mtl.learning.gradients.ranks import add_over_ranks, world
from mtl.learning.gradients.reach import layout, measured, trainable
from mtl.learning.weighting.base import Weighting
from mtl.learning.weighting.gramian import (
    GradientWeighting,
    GramianWeighting,
    Row,
    TaskGradients,
)
from mtl.learning.weighting.inner_products import gramian
from mtl.learning.weighting.losses import LossWeighting
from mtl.learning.weighting.rows import RowWeighting
from mtl.model.backbone.base import Features
from mtl.model.network import Network

LEAST_WEIGHT = 1e-3
"""Smallest weight, relative to the largest, that gradients are divided by again."""


class GradientStep:
    """Writes the combined gradient of a batch, or of several accumulated ones, into ``.grad``.

    Features that leave the encoder are cut off (``FeatureLeaves``) unless gradients are compared
    at all parameters:

    - ``at: parameters``: one backward pass per task through everything.
    - a stage: one per task through the heads and down to that stage, then one of the weighted sum
      through the rest of the encoder.
    - ``at: representation``: one per task through its head, then one through the encoder.

    What lies behind the features and is shared (fusion) gets the sum with the same weights. Between
    two findings of the weights (``weighting.every``) it is one backward pass of the weighted sum.

    With accumulation the gradients of each task are summed until the step and combined once, so
    that the step is that of one large batch; each task's backward pass then goes through
    everything, wherever ``at`` compares. With several processes, gradients are added over them
    before anything is combined.

    It serves methods on losses too, where batches are accumulated and the weights depend on the
    losses of all of them.

    Args:
        network: the network.
        weighting: the method; told the parameters that it compares.
        image_size: side in pixels of what the network sees.
        seed: of the run, for methods that draw numbers.

    Raises:
        UserError: ``weighting.at`` doesn't fit the network, or tasks share nothing.
    """

    def __init__(self, network: Network, weighting: Weighting, image_size: int, seed: int) -> None:
        self.network = network
        self.weighting = weighting
        self.seed = seed
        self.entries = layout(network, image_size)
        self.place = "parameters"
        self.measured: tuple[nn.Parameter, ...] = ()
        if isinstance(weighting, GradientWeighting) and len(network.tasks) > 1:
            if not any(entry.combined for entry in self.entries):
                raise UserError("weighting: this encoder shares no parameters; use weighting=equal")
            self.place = weighting.place
            self.measured = measured(network, self.entries, weighting.at, image_size)
        if isinstance(weighting, GradientWeighting):
            weighting.bind(self.measured)
        self.leaves: FeatureLeaves | None = None
        self.observer: Callable[[dict[str, Found], float], None] | None = None
        self._forget()

    def _forget(self) -> None:
        """Start a step."""
        self.sums: dict[str, Found] = {}
        self.mixed: Found = {}
        self.products: Tensor | None = None
        self.known: dict[str, float] | None = None

    @property
    def takes_all(self) -> bool:
        """Whether each step finds every task's gradient at all parameters that tasks share."""
        method = self.weighting
        rests = isinstance(method, GramianWeighting) and method.recent.every > 1
        return self.place == "parameters" and not rests

    def check_accumulation(self, batches: int) -> None:
        """Refuse what can't be accumulated.

        Raises:
            UserError: gradients themselves are combined at the features, which differ from batch
                to batch.
        """
        rows = isinstance(self.weighting, RowWeighting)
        if batches > 1 and rows and self.place == "representation":
            raise UserError(
                "trainer.accumulate_grad_batches: this weighting can't at the representation; "
                "use weighting.at=parameters"
            )

    def idle(self) -> str | None:
        """Why there is nothing to weigh at the moment, as the end of a sentence; None if there is.

        Where the compared stages are frozen, tasks get the weight 1.
        """
        if self.place == "representation" or not self.measured:
            return None
        if any(parameter.requires_grad for parameter in self.measured):
            return None
        assert isinstance(self.weighting, GradientWeighting)
        at = ",".join(self.weighting.at)
        where = "all that tasks share" if self.place == "parameters" else at
        return f"{where} is frozen: the tasks' losses are summed until it trains"

    def encode(self, image: Tensor) -> dict[str, Features]:
        """Features for the heads, cut off where gradients are compared at or before them.

        Args:
            image: (B, 3, H, W) float, normalised.
        """
        features = self.network.encode(image)
        if self.place == "parameters":
            return features
        self.leaves = FeatureLeaves(features)
        return self.leaves.standing_in

    def backward(self, part: Part, scale: Tensor, step: int) -> None:
        """Take the gradients of a batch, and combine them where a step is due.

        Args:
            part: of the step.
            scale: of mixed precision, on the losses; 0-dimensional.
            step: number of the step, which seeds random choices.
        """
        leaves, self.leaves = self.leaves, None
        if part.first:
            self._forget()
            self.known = self._known(part.tasks)
        if self.known is not None:
            self._add_mixed(part, scale, leaves, self.known)
            if part.last:
                write(add_over_ranks(self.mixed, self._reached(*part.tasks)))
                self._forget()
            return
        found, features = self._gradients(part, scale, leaves)
        if self.place == "representation":
            products = self._feature_products(features, scale)
            self.products = products if self.products is None else self.products + products
        for task, gradients in found.items():
            add_into(self.sums.setdefault(task, {}), gradients)
        if part.last:
            kept = leaves if part.batches == 1 else None
            self._combine(part, features if kept is not None else {}, scale, kept, step)
            self._forget()

    def _known(self, tasks: tuple[str, ...]) -> dict[str, float] | None:
        """Weights that need no finding in this step."""
        if not isinstance(self.weighting, GramianWeighting):
            return None
        values = self.weighting.recent.take([self.network.tasks.index(task) for task in tasks])
        return None if values is None else dict(zip(tasks, values, strict=True))

    def _reached(self, *tasks: str, behind: bool | None = None) -> list[nn.Parameter]:
        return [
            entry.parameter
            for entry in trainable(self.entries)
            if not set(tasks).isdisjoint(entry.tasks) and behind in (None, entry.behind)
        ]

    def _deep(self, task: str) -> list[nn.Parameter]:
        """Before the features: what only this task reaches, and what is compared."""
        compared = {id(parameter) for parameter in self.measured}
        return [
            entry.parameter
            for entry in trainable(self.entries)
            if not entry.behind
            and task in entry.tasks
            and (not entry.combined or id(entry.parameter) in compared)
        ]

    def _add_mixed(
        self, part: Part, scale: Tensor, leaves: FeatureLeaves | None, weights: dict[str, float]
    ) -> None:
        """One backward pass of the weighted sum.

        The parameters that only one task reaches, which weights are not for, get its share divided
        by its weight again, or where that is too small, a pass of their own.
        """
        if not part.losses:
            return
        largest = max(map(abs, weights.values()))
        divide = all(abs(weights[task]) > LEAST_WEIGHT * largest for task in part.losses)
        weighted_loss = _sum(
            (loss * (scale * part.shares[task] * weights[task]).to(loss.dtype))
            for task, loss in part.losses.items()
        )
        inputs = self._reached(*part.losses)
        own = {
            entry.parameter: entry.tasks
            for entry in self.entries
            if not entry.combined and entry.parameter.requires_grad
        }
        alone = {p: tasks[0] for p, tasks in own.items() if len(tasks) == 1}
        apart = [p for p in inputs if p in own and not (divide and p in alone)]
        together = [p for p in inputs if p not in set(apart)]
        found = self._back(weighted_loss, together, leaves, keep=bool(apart))
        if apart:
            plain = _sum(
                loss * (scale * part.shares[task]).to(loss.dtype)
                for task, loss in part.losses.items()
            )
            found |= self._back(plain, apart, leaves, keep=False)
        for parameter, gradient in found.items():
            if divide and parameter in alone:
                gradient.div_(weights[alone[parameter]])
        add_into(self.mixed, found)
        assert isinstance(self.weighting, GramianWeighting)
        self.weighting.in_force = {t: torch.tensor(w) for t, w in weights.items()}

    def _back(
        self, loss: Tensor, inputs: list[nn.Parameter], leaves: FeatureLeaves | None, keep: bool
    ) -> Found:
        """From a loss to parameters on both sides of the features."""
        if leaves is None:
            row = torch.autograd.grad(loss, inputs, retain_graph=keep, allow_unused=True)
            return owned(inputs, row)
        before = {id(e.parameter) for e in self.entries if not e.behind}
        deep = [p for p in inputs if id(p) in before]
        near = [p for p in inputs if id(p) not in before]
        count = len(leaves.leaves) if deep else 0
        row = torch.autograd.grad(
            loss, [*leaves.leaves[:count], *near], retain_graph=keep, allow_unused=True
        )
        found = owned(near, row[count:])
        if deep:
            found |= owned(deep, leaves.back(list(row[:count]), deep, keep))
        return found

    def _gradients(
        self, part: Part, scale: Tensor, leaves: FeatureLeaves | None
    ) -> tuple[dict[str, Found], dict[str, Row]]:
        """Each task's gradients at parameters, and at features where the network is cut."""
        found: dict[str, Found] = {}
        features: dict[str, Row] = {}
        ends = leaves.leaves if leaves is not None else []
        whole = part.batches > 1
        for number, (task, loss) in enumerate(part.losses.items()):
            more = number < len(part.losses) - 1
            inputs = self._reached(task, behind=True if leaves is not None else None)
            upstream = (scale * part.shares[task]).to(loss.dtype).reshape(loss.shape)
            gradients = torch.autograd.grad(
                loss, [*ends, *inputs], upstream, retain_graph=more, allow_unused=True
            )
            row: Row = list(gradients[: len(ends)])
            found[task] = owned(inputs, list(gradients[len(ends) :]))
            if leaves is not None:
                features[task] = row
                before = self._reached(task, behind=False) if whole else self._deep(task)
                found[task] |= owned(before, leaves.back(row, before, keep=more or not whole))
        return found, features

    def _feature_products(self, features: dict[str, Row], scale: Tensor) -> Tensor:
        """(T, T) over all tasks, since what this process lacks others may have."""
        tasks = self.network.tasks
        products = torch.zeros((len(tasks), len(tasks)), device=scale.device)
        if features:
            places = [i for i, task in enumerate(tasks) if task in features]
            rows = [features[tasks[place]] for place in places]
            found = gramian(rows, scale).to(products.dtype)
            for own, i in enumerate(places):
                for other, j in enumerate(places):
                    products[i, j] = found[own, other]
        return products

    def _combine(
        self,
        part: Part,
        features: dict[str, Row],
        scale: Tensor,
        leaves: FeatureLeaves | None,
        step: int,
    ) -> None:
        tasks, found, products = list(part.tasks), self.sums, self.products
        if not tasks:
            return
        if world() > 1:
            found = {t: add_over_ranks(found.get(t, {}), self._reduced(t, part)) for t in tasks}
            if products is not None:
                dist.all_reduce(products)
        if self.observer is not None:
            self.observer(found, float(scale))
        weights, combined, everywhere = self._choose(
            tasks, found, features, products, part.values, scale, leaves, step
        )
        shared = {e.parameter for e in self.entries if e.combined or everywhere}
        gradients = [(weights[task], found.get(task, {})) for task in tasks]
        made = (self.measured, combined) if combined is not None and self.measured else None
        write(total(gradients, shared, made))
        if leaves is not None:
            row = combined if combined is not None else weighted(features, weights)
            done = {id(p) for task in tasks for p in self._deep(task)}
            rest = [
                entry.parameter
                for entry in trainable(self.entries)
                if not entry.behind and id(entry.parameter) not in done
            ]
            write(add_over_ranks(owned(rest, leaves.back(row, rest)), rest))

    def _reduced(self, task: str, part: Part) -> list[nn.Parameter]:
        if self.place == "parameters" or part.batches > 1:
            return self._reached(task)
        return [*self._reached(task, behind=True), *self._deep(task)]

    def _choose(
        self,
        tasks: list[str],
        found: dict[str, Found],
        features: dict[str, Row],
        products: Tensor | None,
        values: dict[str, Tensor],
        scale: Tensor,
        leaves: FeatureLeaves | None,
        step: int,
    ) -> tuple[dict[str, float], Row | None, bool]:
        """Weights of the tasks, a combined gradient, and whether weights are for all parameters."""
        method = self.weighting
        if isinstance(method, LossWeighting):
            return self._loss_weights(method, values, scale), None, True
        index = [self.network.tasks.index(task) for task in tasks]
        rows: list[Row] = [[found.get(t, {}).get(p) for p in self.measured] for t in tasks]
        if products is None:
            products = gramian(rows, scale)
        else:
            products = products[index][:, index]
            if leaves is not None:
                rows = [features.get(t, [None] * len(leaves.leaves)) for t in tasks]
        seen = _seen(tasks, index, rows, products, values, scale)
        weights = dict.fromkeys(tasks, 1.0)
        if seen is None:
            return weights, None, False
        seed = int(np.random.SeedSequence([self.seed, step]).generate_state(1)[0])
        if isinstance(method, RowWeighting):
            return weights, method.combine(seen, seed), False
        assert isinstance(method, GramianWeighting)
        weights |= _weights(method, seen, seed)
        method.recent.keep(index, [weights[task] for task in tasks])
        return weights, None, False

    def _loss_weights(
        self, method: LossWeighting, values: dict[str, Tensor], scale: Tensor
    ) -> dict[str, float]:
        """The derivatives by the losses; the method's own parameters get their gradient, too."""
        losses = {task: value.detach().requires_grad_() for task, value in values.items()}
        with torch.enable_grad():
            combined = method(losses)
        own = [p for p in method.parameters() if p.requires_grad]
        ends: list[Any] = [*losses.values(), *own]
        gradients = torch.autograd.grad(combined, ends, allow_unused=True)
        write(owned(own, [g if g is None else g * scale for g in gradients[len(losses) :]]))
        found = [0.0 if g is None else float(g) for g in gradients[: len(losses)]]
        return dict(zip(losses, found, strict=True))


def _sum(terms: Any) -> Tensor:
    return torch.stack([term.float() for term in terms]).sum()


def _seen(
    tasks: list[str],
    index: list[int],
    rows: list[Row],
    products: Tensor,
    values: dict[str, Tensor],
    scale: Tensor,
) -> TaskGradients | None:
    """What the method sees; None where there is nothing to weigh.

    A task whose gradient is zero here has no say and keeps the weight 1. Gradients that
    overflowed in mixed precision are not shown to the method: the scaler skips the step.
    """
    losses = torch.stack([values[task].to(products.dtype) for task in tasks])
    # One copy to the CPU instead of many that each wait for the device.
    moved = torch.cat([products.flatten(), losses, scale.to(losses).reshape(1)]).cpu().double()
    count = len(tasks)
    products, losses, (factor,) = torch.split(moved, [count * count, count, 1])
    products = products.view(count, count) / factor**2
    keep = products.diagonal() > 0
    if not bool(torch.isfinite(products).all()) or not bool(keep.any()):
        return None
    chosen = keep.nonzero().flatten()
    return TaskGradients(
        tasks=tuple(tasks[i] for i in chosen.tolist()),
        index=torch.tensor(index)[chosen],
        losses=losses[chosen],
        gramian=products[chosen[:, None], chosen],
        rows=tuple(rows[i] for i in chosen.tolist()),
        scale=float(factor),
    )


def _weights(method: GramianWeighting, seen: TaskGradients, seed: int) -> dict[str, float]:
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    weights = method.weights(seen)
    torch.set_rng_state(state)
    method.in_force = dict(zip(seen.tasks, weights.unbind(), strict=True))
    return dict(zip(seen.tasks, weights.tolist(), strict=True))
