"""The backward pass of methods that combine the tasks' gradients."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.learning.weighting.combined import owned, total, weighted, write
from mtl.learning.weighting.cut import Cut
from mtl.learning.weighting.gradient import (
    Geometry,
    GradientWeighting,
    GramianWeighting,
    Row,
    RowWeighting,
)
from mtl.learning.weighting.gramian import gramian
from mtl.learning.weighting.layout import layout, measured, trainable
from mtl.learning.weighting.ranks import TaskLosses, add_over_ranks, world
from mtl.learning.weighting.spared import Spared, Sparing
from mtl.learning.weighting.window import Found, Window
from mtl.model.network import Network


class GradientStep:
    """Writes the combined gradient of a batch, or of several accumulated ones, into ``.grad``.

    - ``at: parameters``: one backward pass per task through everything.
    - a stage: one per task through the heads and down to that stage, then one of the weighted sum
      through the rest of the encoder. Where only inner products are asked for, layers that offer
      them for less than their gradients are part of the rest.
    - ``at: representation``: one per task through its head, then one through the encoder.

    What lies behind the features and is shared (fusion) gets the sum with the same weights.

    With accumulation, the gradients of each task are summed until the step, and combined once, so
    that the step is that of one large batch; each task's backward pass then goes through
    everything, wherever ``at`` compares. With several processes, gradients are added over them
    before anything is combined. In both, each labelled sample counts alike.

    Args:
        network: the network.
        weighting: the method; told the parameters that it compares.
        image_size: side in pixels of what the network sees.
        seed: of the run, for methods that draw numbers.

    Raises:
        UserError: ``weighting.at`` doesn't fit the network, or tasks share nothing.
    """

    def __init__(
        self, network: Network, weighting: GradientWeighting, image_size: int, seed: int
    ) -> None:
        self.network = network
        self.weighting = weighting
        self.seed = seed
        self.entries = layout(network)
        several = len(network.tasks) > 1
        self.place = weighting.place if several else "parameters"
        if several and not any(entry.combined for entry in self.entries):
            raise UserError("weighting: this encoder shares no parameters; use weighting=equal")
        self.measured = measured(network, self.entries, weighting.at, image_size) if several else ()
        weighting.bind(self.measured)
        self.cut: Cut | None = None
        self.sparing = Sparing(network, weighting, self.measured)
        self.spared = Spared()
        self.window = Window(network.tasks)
        self.observer: Callable[[dict[str, Found], Tensor], None] | None = None

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

    @contextmanager
    def watching(self) -> Iterator[None]:
        """To be around the forward pass."""
        with ExitStack() as stack:
            if self.place != "parameters":
                self.cut = Cut()
                stack.enter_context(self.cut.watching(self.network.fusion))
            stack.enter_context(self.sparing.watching())
            yield

    def backward(
        self, losses: TaskLosses, factor: Tensor, batches: int, last: bool, step: int
    ) -> None:
        """Take the gradients, and combine them where a step is due.

        Args:
            losses: of the batch.
            factor: loss scaling, divided by ``batches``.
            batches: how many are accumulated for a step.
            last: whether the step comes now.
            step: number of the step, which seeds random choices.
        """
        cut, self.cut = self.cut, None
        scale = factor.detach() * batches
        if batches > 1:
            shares: dict[str, float] = {t: float(n) for t, n in losses.counts.items()}
        elif world() > 1:
            shares = {t: n / losses.totals[t] for t, n in losses.counts.items()}
        else:
            shares = {}
        spared = self.sparing.take(len(losses.local))
        self.spared = Spared() if batches > 1 or world() > 1 else spared
        found, features = self._gradients(losses.local, shares, scale, cut, deep=batches > 1)
        products: Tensor | None = None
        if self.place == "representation":
            products = self._feature_products(features, scale)
        if batches > 1:
            self.window.add(found, products, losses)
            if not last:
                return
            found, products, values = self.window.take()
            features, cut = {}, None
        else:
            values = losses.values
        tasks = [task for task in self.network.tasks if task in values]
        if world() > 1:
            found = {t: add_over_ranks(found.get(t, {}), self._reduced(t)) for t in tasks}
            if products is not None:
                dist.all_reduce(products)
        if self.observer is not None:
            self.observer(found, scale)
        self._combine(tasks, found, features, products, values, scale, cut, step)

    def _reached(self, task: str, behind: bool | None = None) -> list[nn.Parameter]:
        return [
            entry.parameter
            for entry in trainable(self.entries)
            if task in entry.tasks and behind in (None, entry.behind)
        ]

    def _deep(self, task: str) -> list[nn.Parameter]:
        """Below the cut: what only this task reaches, and what is compared and not spared."""
        compared = {id(parameter) for parameter in self.measured} - self.spared.parameters
        return [
            entry.parameter
            for entry in trainable(self.entries)
            if not entry.behind
            and task in entry.tasks
            and (not entry.combined or id(entry.parameter) in compared)
        ]

    def _reduced(self, task: str) -> list[nn.Parameter]:
        if self.place == "parameters" or self.window.used:
            return self._reached(task)
        return [*self._reached(task, behind=True), *self._deep(task)]

    def _gradients(
        self,
        losses: dict[str, Tensor],
        shares: dict[str, float],
        scale: Tensor,
        cut: Cut | None,
        deep: bool,
    ) -> tuple[dict[str, Found], dict[str, Row]]:
        """Each task's gradients at parameters, and at features where the network is cut."""
        found: dict[str, Found] = {}
        features: dict[str, Row] = {}
        leaves = cut.leaves if cut is not None else []
        for number, (task, loss) in enumerate(losses.items()):
            more = number < len(losses) - 1
            inputs = self._reached(task, behind=True if cut is not None else None)
            upstream = (scale * shares.get(task, 1.0)).to(loss.dtype).reshape(loss.shape)
            gradients = torch.autograd.grad(
                loss, [*leaves, *inputs], upstream, retain_graph=more, allow_unused=True
            )
            at_leaves: Row = list(gradients[: len(leaves)])
            rest: Row = list(gradients[len(leaves) :])
            if cut is not None:
                features[task] = at_leaves
                below = self._reached(task, behind=False) if deep else self._deep(task)
                row = cut.back(at_leaves, [*below, *self.spared.places], keep=more or not deep)
                inputs += below
                rest += row[: len(below)]
                self.spared.rows[task] = row[len(below) :]
            found[task] = owned(inputs, rest)
        return found, features

    def _feature_products(self, features: dict[str, Row], scale: Tensor) -> Tensor:
        """(T, T) over all tasks, since what this process lacks others may have."""
        rows = [features[task] for task in self.network.tasks if task in features]
        products = torch.zeros(
            (len(self.network.tasks), len(self.network.tasks)), device=scale.device
        )
        if rows:
            places = [i for i, t in enumerate(self.network.tasks) if t in features]
            index = torch.tensor(places, device=scale.device)
            products[index[:, None], index] = gramian(rows, scale).float()
        return products

    def _combine(
        self,
        tasks: list[str],
        found: dict[str, Found],
        features: dict[str, Row],
        products: Tensor | None,
        values: dict[str, Tensor],
        scale: Tensor,
        cut: Cut | None,
        step: int,
    ) -> None:
        if not tasks:
            return
        index = torch.tensor([self.network.tasks.index(task) for task in tasks])
        rows: list[Row] = [[found.get(t, {}).get(p) for p in self.measured] for t in tasks]
        if products is None:
            products = gramian(rows, scale)
            if self.spared.calls:
                products = products + self.spared.products(tasks, scale)
        else:
            where = index.to(products.device)
            products = products[where[:, None], where]
            rows = [features.get(t, [None] * len(cut.leaves)) for t in tasks] if cut else rows
        seen = self._geometry(tasks, index, rows, products, values, scale)
        weights = dict.fromkeys(tasks, 1.0)
        combined: Row | None = None
        if seen is not None:
            seed = int(np.random.SeedSequence([self.seed, step]).generate_state(1)[0])
            if isinstance(self.weighting, GramianWeighting):
                weights |= self._weights(self.weighting, seen, seed)
            elif isinstance(self.weighting, RowWeighting):
                combined = self.weighting.combine(seen, seed)
        shared = {entry.parameter for entry in self.entries if entry.combined}
        gradients = [(weights[task], found.get(task, {})) for task in tasks]
        made = (self.measured, combined) if combined is not None and self.measured else None
        write(total(gradients, shared, made))
        if cut is not None:
            row = combined if combined is not None else weighted(features, weights)
            self._write_encoder(tasks, cut, row, weights)

    def _geometry(
        self,
        tasks: list[str],
        index: Tensor,
        rows: list[Row],
        products: Tensor,
        values: dict[str, Tensor],
        scale: Tensor,
    ) -> Geometry | None:
        """What the method sees; None where there is nothing to weigh.

        A task whose gradient is zero here has no say and keeps the weight 1. Gradients that
        overflowed in mixed precision are not shown to the method: the scaler skips the step.
        """
        losses = torch.stack([values[task].float() for task in tasks])
        moved = torch.cat([products.flatten(), losses, scale.float().reshape(1)]).cpu().double()
        count = len(tasks)
        products, losses, (factor,) = torch.split(moved, [count * count, count, 1])
        products = products.view(count, count) / factor**2
        keep = products.diagonal() > 0
        if not bool(torch.isfinite(products).all()) or not bool(keep.any()):
            return None
        chosen = keep.nonzero().flatten()
        return Geometry(
            tasks=tuple(tasks[i] for i in chosen.tolist()),
            index=index[chosen],
            losses=losses[chosen],
            gramian=products[chosen[:, None], chosen],
            rows=() if self.spared.calls else tuple(rows[i] for i in chosen.tolist()),
            scale=float(factor),
        )

    def _weights(self, method: GramianWeighting, seen: Geometry, seed: int) -> dict[str, float]:
        state = torch.get_rng_state()
        torch.default_generator.manual_seed(seed)
        weights = method.weights(seen)
        torch.set_rng_state(state)
        method.in_force = dict(zip(seen.tasks, weights.unbind(), strict=True))
        return dict(zip(seen.tasks, weights.tolist(), strict=True))

    def _write_encoder(
        self, tasks: Sequence[str], cut: Cut, row: Row, weights: dict[str, float]
    ) -> None:
        """One backward pass through what no task has been through alone."""
        done = {id(p) for task in tasks for p in self._deep(task)}
        rest = [
            entry.parameter
            for entry in trainable(self.entries)
            if not entry.behind and id(entry.parameter) not in done
        ]
        write(add_over_ranks(self.spared.back(cut, row, weights, rest), rest))
        self.spared = Spared()
