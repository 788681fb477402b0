"""What a split's batches add up to: metrics and mean losses of every task."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from mtl.config.measures import OF_SET
from mtl.data.batch import Batch, Labelled
from mtl.data.sources.base import Split
from mtl.data.sources.together import set_of
from mtl.model.head.base import HeadMetrics
from mtl.model.network import Network
from mtl.model.precision import wide

Reduce = Callable[[Tensor], Tensor]
"""Adds a tensor up over all processes."""
Outputs = Mapping[str, tuple[Any, Labelled]]
"""Task to a head's raw output for its labelled samples, and the labels of these."""
Observer = Callable[[Batch, Mapping[str, Any], Outputs], None]
"""Sees each batch with the tasks' decisions on their labelled samples, and what they came from."""


class Evaluation(nn.Module):
    """Counts the losses and decisions of one split, batch by batch.

    Others that want to see the same decisions put themselves among the ``observers``.

    Args:
        network: whose heads say which metrics there are; it is not kept.
        split: ``val`` or ``test``, the beginning of every name.
        sets: the tasks whose samples come from several data sets, each with the names of these, on
            each of which their metrics are measured too.
    """

    def __init__(
        self, network: Network, split: Split, sets: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        super().__init__()
        self.split = split
        self.main = {task: network.head(task).metrics[0] for task in network.tasks}
        self.metrics = nn.ModuleDict(
            {task: network.head(task).make_metrics() for task in network.tasks}
        )
        self.set_metrics = nn.ModuleDict(
            {
                task: nn.ModuleDict({name: network.head(task).make_metrics() for name in names})
                for task, names in (sets or {}).items()
            }
        )
        self._losses: dict[str, list[tuple[Tensor, int]]] = {}
        self.samples: dict[str, int] = {}
        """Task to how many labelled samples the latest results are of, over all processes."""
        self.observers: list[Observer] = []

    def count(self, network: Network, batch: Batch, weights: Mapping[str, float]) -> None:
        """Count a batch; a task that has no label in it is left out.

        Args:
            network: in evaluation mode.
            batch: with a normalised float image.
            weights: task to the factor on its loss.
        """
        if len(batch) == 0:
            return
        outputs = network.labelled_outputs(batch)
        for task, (raw, labels) in outputs.items():
            loss = weights[task] * network.loss(task, raw, labels)
            self._losses.setdefault(task, []).append((loss, len(labels.index)))
        decisions = network.decisions(batch, outputs)
        for task, decision in decisions.items():
            cast(HeadMetrics, self.metrics[task]).update(decision, outputs[task][1])
            if task in self.set_metrics:
                self._count_by_set(network, task, decision, outputs[task][1], batch.ids)
        for observer in self.observers:
            observer(batch, decisions, outputs)

    def _count_by_set(
        self, network: Network, task: str, decision: Any, labels: Labelled, ids: Sequence[str]
    ) -> None:
        """Each sample once more, for its own set."""
        of_sample = [set_of(ids[row]) for row in labels.index.tolist()]
        for name, metrics in cast(nn.ModuleDict, self.set_metrics[task]).items():
            rows = [place for place, its in enumerate(of_sample) if its == name]
            if rows:
                # Numbers on the CPU pick from tensors on any device.
                some = torch.tensor(rows)
                own = Labelled(labels.index[some], labels.value[some])
                cast(HeadMetrics, metrics).update(network.head(task).some(decision, rows), own)

    def results(self, device: torch.device, add_up: Reduce) -> dict[str, Tensor]:
        """Metrics and mean losses by full name; forgets what was counted.

        ``<split>/<task>/<set>.<metric>`` is on the samples of one of several data sets alone.
        ``<split>/score`` is the mean over tasks of each task's main metric, 0 where that is below:
        an R² has no lowest value, and one task must not rule the mean.

        Args:
            device: on which processes exchange numbers, and where all that comes back lies;
                metrics are found on the CPU or on the network's device, as each likes.
            add_up: see ``Reduce``.
        """
        values: dict[str, Tensor] = {}
        main: list[Tensor] = []
        losses: list[Tensor] = []
        self.samples = {}
        for task, name in self.main.items():
            found = _computed(self.metrics[task], device)
            values.update({f"{self.split}/{task}/{key}": value for key, value in found.items()})
            values |= self._set_results(task, device)
            if name in found:
                main.append(found[name].float().clamp(min=0))
            total, samples = add_up(self._sums(task).to(device, wide(device))).float()
            self.samples[task] = int(samples)
            if samples > 0:
                losses.append(total / samples)
                values[f"{self.split}/{task}/loss"] = losses[-1]
        self._losses.clear()
        if losses:
            values[f"{self.split}/loss"] = torch.stack(losses).sum()
        if main:
            values[f"{self.split}/score"] = torch.stack(main).mean()
        return values

    def _set_results(self, task: str, device: torch.device) -> dict[str, Tensor]:
        """A task's metrics on the samples of each set, where there are several."""
        if task not in self.set_metrics:
            return {}
        return {
            f"{self.split}/{task}/{name}{OF_SET}{key}": value
            for name, counted in cast(nn.ModuleDict, self.set_metrics[task]).items()
            for key, value in _computed(counted, device).items()
        }

    def _sums(self, task: str) -> Tensor:
        """(2,) float64 on the CPU: this process's sum of sample losses, and its samples."""
        pairs = self._losses.get(task, [])
        if not pairs:
            return torch.zeros(2, dtype=torch.float64)
        means = torch.stack([loss for loss, _ in pairs]).cpu().double()
        counts = means.new_tensor([count for _, count in pairs])
        return torch.stack([means @ counts, counts.sum()])


def _computed(counted: nn.Module, device: torch.device) -> dict[str, Tensor]:
    """Metrics on a device, by their own names; forgets what was counted."""
    metrics = cast(HeadMetrics, counted)
    found = {name: value.to(device) for name, value in metrics.compute().items()}
    metrics.reset()
    return found
