"""What a step of ``mtl compress`` has to be, and what passes from one to the next."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytorch_lightning as L
from omegaconf import DictConfig

from mtl.data.batch import Batch
from mtl.data.loading.module import MultiTaskData
from mtl.data.sources.base import Split
from mtl.model.network import Network
from mtl.runs.compression.decided import evaluate_file
from mtl.runs.compression.finetune import finetune
from mtl.runs.compression.images import batches_of
from mtl.runs.compression.onnx_model import write_onnx
from mtl.runs.evaluate import by_task, evaluate_network
from mtl.terminal import say

TaskMetrics = Mapping[str, Mapping[str, float]]
"""Task to metric to value."""


@dataclass
class Workpiece:
    """A trained network on its way through the steps.

    Args:
        cfg: the configuration that builds and trains the network; a step that puts another network
            in its place puts that one's here.
        run: the folder of the run that it all started from.
        checkpoint: of that run, which it started from.
        out: the folder that is written.
        data: of the run, opened.
        network: as it is now, eager, float32, on the CPU, in evaluation mode.
        file: an ONNX file in ``out`` that a step has made of it, which is the result from then on.
        step: number of the step that is under way, from 1.
        finetunings: how often that step has trained until now.
        config_dir: a user's folder of further members, for a step that reads configurations.
        trust: names of modules whose classes these may name.
        notes: whatever else the step has measured, for the table's file.
        trains: whether fine-tuning is done; trials that look at size or speed alone leave it out.
        says: whether the user is told anything; not in trials, whose files don't stay.
    """

    cfg: DictConfig
    run: Path
    checkpoint: str
    out: Path
    data: MultiTaskData
    network: Network
    file: Path | None = None
    step: int = 0
    finetunings: int = 0
    config_dir: Path | None = None
    trust: Sequence[str] = ()
    notes: dict[str, float] = field(default_factory=dict)
    trains: bool = True
    says: bool = True

    @property
    def split(self) -> Split:
        """The one whose metrics the table has: test where the data has it."""
        return "test" if self.data.source("test") is not None else "val"

    def begin(self, step: int) -> None:
        """The next step, by its number, starts now."""
        self.step, self.finetunings, self.notes = step, 0, {}

    def evaluate(
        self,
        split: Split,
        network: Network | None = None,
        file: Path | None = None,
        callbacks: Sequence[L.Callback] = (),
    ) -> TaskMetrics:
        """Metrics over a split of the run's data.

        Args:
            split: ``val`` or ``test``.
            network: to evaluate; None for the one there is.
            file: an ONNX file of the same tasks to evaluate instead.
            callbacks: that look on where a network is evaluated.

        Raises:
            UserError: there is no such split.
        """
        if file is not None:
            return evaluate_file(self.network, file, self.data, split)
        chosen = self.network if network is None else network
        found = evaluate_network(self.cfg, self.out, self.data, chosen, split, callbacks)
        chosen.cpu().eval()
        return by_task(found)

    def main_metrics(self) -> dict[str, float]:
        """Each task's main metric on the validation split, as things stand.

        Raises:
            UserError: there is no such split.
        """
        found = self.evaluate("val", file=self.file)
        mains = {task: self.network.head(task).metrics[0] for task in self.network.tasks}
        return {t: found[t][name] for t, name in mains.items() if name in found.get(t, {})}

    def finetune(self, network: Network, epochs: int, lr: float) -> None:
        """Train a network as the run was trained, and leave the best of its epochs in it.

        Args:
            network: changed in place.
            epochs: how many, 0 for none.
            lr: largest learning rate.
        """
        if epochs < 1 or not self.trains:
            return
        self.finetunings += 1
        # Otherwise every one would see what the first has seen.
        seed = int(self.cfg.seed) + 1000 * self.step + self.finetunings
        finetune(self.cfg, self.data, network, epochs, lr, self.out / "finetuning", seed)

    def images(self, split: Split, count: int) -> Iterator[Batch]:
        """Samples of a split as the network gets them, normalised and not augmented.

        Args:
            split: which.
            count: of samples at most; a seeded choice, always the same.

        Returns:
            Batches of at most the run's ``batch_size``.
        """
        return batches_of(self.data, split, count)

    def export(self, network: Network, path: Path) -> Path:
        """Write a network of the same tasks as an ONNX file, as ``mtl export`` does.

        Args:
            network: left as it is.
            path: of the file.

        Raises:
            RunError: it can't be exported.
        """
        return write_onnx(network, self.data.preprocess, self.cfg, path)

    def say(self, line: str) -> None:
        """Tell the user one line."""
        if self.says:
            say(line)

    @property
    def figures(self) -> Path:
        """The folder of what a step leaves to look at: figures and JSON."""
        return self.out / "figures"


class Step(ABC):
    """One way of making a trained network smaller or faster: a member of ``conf/compression``.

    Subclasses take their options, one per key of their yaml.
    """

    strength: ClassVar[str | None] = None
    """The option, a share, by which ``target`` does the step more or less: the less, the more goes.
    None: it can't."""
    starts_anew: ClassVar[bool] = False
    """Whether it makes a network from the start, and throws away what steps before it have done."""
    trains: ClassVar[bool] = False
    """Whether it trains the network that it gets."""
    makes_zeros: ClassVar[bool] = False
    """Whether it leaves weights at 0, which no step that trains would leave there."""
    makes_file: ClassVar[bool] = False
    """Whether its result is an ONNX file, from which no other step can start."""

    def check(self, work: Workpiece) -> None:  # noqa: B027 - most have nothing to check
        """Refuse what can be known to fail before the first step is taken; here nothing.

        Args:
            work: as it is then.

        Raises:
            UserError: it can't be done.
        """

    @abstractmethod
    def apply(self, work: Workpiece) -> None:
        """Change the network or make a file of it.

        Args:
            work: changed in place.

        Raises:
            UserError: it can't be done to this network.
        """
