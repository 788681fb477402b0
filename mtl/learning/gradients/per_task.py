"""Each task's gradient, found by a backward pass of its loss alone."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mtl.learning.gradients.accumulation import Part
from mtl.learning.gradients.combine import Gradients, owned
from mtl.learning.gradients.features import FeatureLeaves
from mtl.learning.gradients.reach import ParameterReach, trainable
from mtl.learning.weighting.bases.task_gradients import Row


def task_gradients(
    entries: Sequence[ParameterReach], losses: Mapping[str, Tensor], factors: Mapping[str, float]
) -> dict[str, Gradients]:
    """Each loss's gradient at some parameters that train; ``.grad`` is left alone.

    Args:
        entries: of the parameters.
        losses: of one batch; their graph is used up.
        factors: task to the factor on its gradient.
    """
    found: dict[str, Gradients] = {}
    present = list(losses)
    for task in present:
        inputs = [entry.parameter for entry in trainable(entries) if task in entry.tasks]
        upstream = torch.full_like(losses[task], factors[task])
        gradients = (
            torch.autograd.grad(
                losses[task],
                inputs,
                upstream,
                retain_graph=task != present[-1],
                allow_unused=True,
            )
            if inputs and losses[task].requires_grad
            else ()
        )
        pairs = zip(inputs, gradients, strict=bool(gradients))
        found[task] = {p: gradient for p, gradient in pairs if gradient is not None}
    return found


class GradientsByTask:
    """Takes the gradients that a step needs of each task by itself.

    Without ``FeatureLeaves`` these are all that the task's loss reaches. With them: those at the
    features and behind them, and of those before them what only this task reaches and what is
    compared. The rest is left for one backward pass of the weighted sum.

    Args:
        entries: of all parameters.
        compared: the parameters whose gradients the method sees.
        stacked: whether all tasks' gradients at the features may be had from one pass; see
            ``only_stacks_behind``.
    """

    def __init__(
        self,
        entries: Sequence[ParameterReach],
        compared: Sequence[nn.Parameter],
        stacked: bool = False,
    ) -> None:
        self.entries = entries
        self.stacked = stacked
        self.compared = {id(parameter) for parameter in compared}

    def reached(self, *tasks: str, after_features: bool | None = None) -> list[nn.Parameter]:
        """What trains and is reached by any of some tasks.

        Args:
            tasks: their names.
            after_features: only what lies behind the encoder's features, or only what doesn't.
        """
        return [
            entry.parameter
            for entry in trainable(self.entries)
            if not set(tasks).isdisjoint(entry.tasks)
            and after_features in (None, entry.after_features)
        ]

    def own_or_compared(self, task: str) -> list[nn.Parameter]:
        """Before the features: what only this task reaches, and what is compared."""
        return [
            entry.parameter
            for entry in trainable(self.entries)
            if not entry.after_features
            and task in entry.tasks
            and (not entry.combined or id(entry.parameter) in self.compared)
        ]

    def gradients(
        self, part: Part, scale: Tensor, leaves: FeatureLeaves | None
    ) -> tuple[dict[str, Gradients], dict[str, Row]]:
        """Those of one batch.

        Args:
            part: of the step.
            scale: of mixed precision, on the losses.
            leaves: where the network is cut in two; None: it isn't.

        Returns:
            Task to its gradient at parameters, and to that at the features. Of accumulated batches
            the first is at everything that the task reaches.
        """
        everything = part.batches > 1
        ends = leaves.leaves if leaves is not None else []
        if leaves is not None and self.stacked and len(part.losses) > 1:
            found, features = self._in_one(part, scale, ends)
        else:
            found, features = self._one_by_one(part, scale, leaves is not None, ends)
        if leaves is None:
            return found, {}
        for number, task in enumerate(part.losses):
            before = (
                self.reached(task, after_features=False)
                if everything
                else self.own_or_compared(task)
            )
            keep = number < len(part.losses) - 1 or not everything
            found[task] |= owned(before, leaves.back(features[task], before, keep=keep))
        return found, features

    def _one_by_one(
        self, part: Part, scale: Tensor, behind: bool, ends: Sequence[Tensor]
    ) -> tuple[dict[str, Gradients], dict[str, Row]]:
        """A pass for each task, to ``ends`` and to what lies behind them, or to everything."""
        found: dict[str, Gradients] = {}
        features: dict[str, Row] = {}
        for number, (task, loss) in enumerate(part.losses.items()):
            inputs = self.reached(task, after_features=True if behind else None)
            gradients = torch.autograd.grad(
                loss,
                [*ends, *inputs],
                _upstream(part, scale, task),
                retain_graph=number < len(part.losses) - 1,
                allow_unused=True,
            )
            features[task] = list(gradients[: len(ends)])
            found[task] = owned(inputs, list(gradients[len(ends) :]))
        return found, features

    def _in_one(
        self, part: Part, scale: Tensor, ends: Sequence[Tensor]
    ) -> tuple[dict[str, Gradients], dict[str, Row]]:
        """The same by one pass to ``ends`` for all tasks, and one to the heads, which are apart."""
        inputs = {
            entry.parameter: entry.tasks[0]
            for entry in trainable(self.entries)
            if entry.after_features and entry.tasks[0] in part.losses
        }
        losses = torch.stack([loss.float() for loss in part.losses.values()])
        upstream = torch.stack([_upstream(part, scale, task).float() for task in part.losses])
        rows = torch.autograd.grad(
            losses,
            list(ends),
            upstream.diag(),
            retain_graph=True,
            allow_unused=True,
            is_grads_batched=True,
        )
        # All heads may be frozen.
        own = (
            torch.autograd.grad(losses, list(inputs), upstream, allow_unused=True) if inputs else ()
        )
        found: dict[str, Gradients] = {task: {} for task in part.losses}
        for parameter, gradient in owned(list(inputs), list(own)).items():
            found[inputs[parameter]][parameter] = gradient
        columns = [[None] * len(losses) if row is None else row.unbind() for row in rows]
        features: dict[str, Row] = {
            task: [column[place] for column in columns] for place, task in enumerate(part.losses)
        }
        return found, features


def _upstream(part: Part, scale: Tensor, task: str) -> Tensor:
    loss = part.losses[task]
    return (scale * part.shares[task]).to(loss.dtype).reshape(loss.shape)
