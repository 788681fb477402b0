"""The backward pass of a step whose tasks' gradients are found one by one."""

from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.learning.gradients.accumulation import Part
from mtl.learning.gradients.choose import Combination, Seen, choose, step_seed
from mtl.learning.gradients.combine import (
    Gradients,
    add_into,
    add_to_grad,
    owned,
    weighted_row,
    weighted_sum_,
)
from mtl.learning.gradients.features import FeatureLeaves
from mtl.learning.gradients.known_weights import weighted_gradients
from mtl.learning.gradients.per_task import GradientsByTask
from mtl.learning.gradients.ranks import add_over_ranks, world
from mtl.learning.gradients.reach import (
    compared_parameters,
    layout,
    only_stacks_behind,
    trainable,
)
from mtl.learning.weighting.bases.base import Weighting
from mtl.learning.weighting.bases.gramian import GradientWeighting, GramianWeighting
from mtl.learning.weighting.bases.rows import RowWeighting
from mtl.learning.weighting.bases.task_gradients import Row
from mtl.learning.weighting.tools.inner_products import gramian
from mtl.model.backbone.base import Features
from mtl.model.network import Network


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
        self.compared: tuple[nn.Parameter, ...] = ()
        if isinstance(weighting, GradientWeighting) and len(network.tasks) > 1:
            if not any(entry.combined for entry in self.entries):
                raise UserError("weighting: this encoder shares no parameters; use weighting=equal")
            self.place = weighting.place
            self.compared = compared_parameters(network, self.entries, weighting.at, image_size)
        if isinstance(weighting, GradientWeighting):
            weighting.bind(self.compared)
        self.per_task = GradientsByTask(
            self.entries,
            self.compared,
            stacked=self.place != "parameters"
            and only_stacks_behind(network, self.entries, image_size),
        )
        self.leaves: FeatureLeaves | None = None
        self.observer: Callable[[dict[str, Gradients], float], None] | None = None
        self._forget()

    def _forget(self) -> None:
        """Start a step."""
        self.sums: dict[str, Gradients] = {}
        self.mixture: Gradients = {}
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
        if self.place == "representation" or not self.compared:
            return None
        if any(parameter.requires_grad for parameter in self.compared):
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
            self.known = self._known_weights(part.tasks)
        if self.known is not None:
            found = weighted_gradients(part, scale, leaves, self.known, self.per_task)
            add_into(self.mixture, found)
            if part.last:
                reached = self.per_task.reached(*part.tasks)
                add_to_grad(add_over_ranks(self.mixture, reached))
                self._forget()
            return
        gradients, features = self.per_task.gradients(part, scale, leaves)
        for task, found in gradients.items():
            add_into(self.sums.setdefault(task, {}), found)
        if self.place == "representation":
            products = self._feature_products(features, scale)
            self.products = products if self.products is None else self.products + products
        if not part.last:
            return
        if part.tasks:
            # Of accumulated batches everything has been taken task by task.
            self._combine(part, features, scale, leaves if part.batches == 1 else None, step)
        self._forget()

    def _known_weights(self, tasks: tuple[str, ...]) -> dict[str, float] | None:
        """Those in force between two findings; None where they are to be found in this step."""
        method = self.weighting
        if not isinstance(method, GramianWeighting):
            return None
        values = method.recent.take([self.network.tasks.index(task) for task in tasks])
        if values is None:
            return None
        method.in_force = {t: torch.tensor(w) for t, w in zip(tasks, values, strict=True)}
        return dict(zip(tasks, values, strict=True))

    def _feature_products(self, features: dict[str, Row], scale: Tensor) -> Tensor:
        """(T, T) over all tasks, since what this process lacks others may have."""
        tasks = self.network.tasks
        nothing: Row = [None] * max(map(len, features.values()), default=0)
        return gramian([features.get(task, nothing) for task in tasks], scale)

    def _combine(
        self,
        part: Part,
        features: dict[str, Row],
        scale: Tensor,
        leaves: FeatureLeaves | None,
        step: int,
    ) -> None:
        """All that was gathered, into ``.grad``."""
        tasks = part.tasks
        if world() > 1:
            self.sums = {
                t: add_over_ranks(self.sums.get(t, {}), self._taken(t, part)) for t in tasks
            }
            if self.products is not None:
                dist.all_reduce(self.products)
        if self.observer is not None:
            self.observer(self.sums, float(scale))
        choice = choose(self.weighting, self._seen(part, features, scale, leaves, step))
        weighed = {e.parameter for e in self.entries if e.combined or choice.everywhere}
        gradients = [(choice.weights[task], self.sums.get(task, {})) for task in tasks]
        changed = choice.row is not None and bool(self.compared)
        made = (self.compared, choice.row) if changed and choice.row is not None else None
        add_to_grad(weighted_sum_(gradients, weighed, made))
        if leaves is not None:
            self._finish_encoder(tasks, features, leaves, choice)

    def _finish_encoder(
        self,
        tasks: tuple[str, ...],
        features: dict[str, Row],
        leaves: FeatureLeaves,
        choice: Combination,
    ) -> None:
        """One backward pass through what no task has been through alone."""
        row = choice.row if choice.row is not None else weighted_row(features, choice.weights)
        done = {id(p) for task in tasks for p in self.per_task.own_or_compared(task)}
        rest = [
            entry.parameter
            for entry in trainable(self.entries)
            if not entry.after_features and id(entry.parameter) not in done
        ]
        add_to_grad(add_over_ranks(owned(rest, leaves.back(row, rest)), rest))

    def _taken(self, task: str, part: Part) -> list[nn.Parameter]:
        """The parameters that a task's gradients have been taken at, in some process."""
        if self.place == "parameters" or part.batches > 1:
            return self.per_task.reached(task)
        behind = self.per_task.reached(task, after_features=True)
        return [*behind, *self.per_task.own_or_compared(task)]

    def _seen(
        self,
        part: Part,
        features: dict[str, Row],
        scale: Tensor,
        leaves: FeatureLeaves | None,
        step: int,
    ) -> Seen:
        places = [self.network.tasks.index(task) for task in part.tasks]
        rows: list[Row] = [
            [self.sums.get(task, {}).get(p) for p in self.compared] for task in part.tasks
        ]
        if self.products is None:
            products = gramian(rows, scale)
        else:
            products = self.products[places][:, places]
            if leaves is not None:
                nothing: Row = [None] * len(leaves.leaves)
                rows = [features.get(task, nothing) for task in part.tasks]
        losses = [part.values[task] for task in part.tasks]
        seed = step_seed(self.seed, step)
        return Seen(part.tasks, places, rows, products, losses, scale, seed)
