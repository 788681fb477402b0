"""``unfreezing=staged``."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytorch_lightning as L

from mtl.config.nearest import in_words
from mtl.data.loading.module import MultiTaskData
from mtl.errors import UserError
from mtl.learning.fitting import in_training
from mtl.learning.plateau import Plateau
from mtl.learning.unfreezing.base import StageFreezing
from mtl.learning.unfreezing.schedule import evenly, stepwise
from mtl.model.encoder.stage_names import check_stages


class Staged(StageFreezing):
    """The heads first, then stage after stage from the last to the first (ULMFiT's gradual
    unfreezing; Howard and Ruder, 2018).

    Args:
        at: ``auto`` spreads the stages evenly over the epochs; ``plateau`` unfreezes the next one
            when the run's ``monitor`` stops getting better; a mapping gives the number of epochs
            before a stage trains (0: from the start), and stages it does not name stay frozen.
        every: one stage more after every so many epochs, from 1; None goes by ``at``.
        patience: of a plateau: validations without progress, from 1.
        min_delta: of a plateau: smaller progress is none.
        heads: tasks whose heads never train.

    Raises:
        UserError: ``at`` is none of these, or both it and ``every`` are given.
    """

    def __init__(
        self,
        at: str | Mapping[str, int],
        every: int | None,
        patience: int,
        min_delta: float,
        heads: Sequence[str] = (),
    ) -> None:
        super().__init__(heads)
        if every is not None and at != "auto":
            raise UserError(
                f"unfreezing.every={every}: only with unfreezing.at=auto, not {_written(at)}"
            )
        if not isinstance(at, Mapping):
            if at not in ("auto", "plateau"):
                raise UserError(
                    f"unfreezing.at={_written(at)}: must be auto, plateau or epochs by stage, "
                    "such as {layer4:3,layer3:6}"
                )
        elif not at or not all(map(_is_epoch, at.values())):
            raise UserError(
                f"unfreezing.at={_written(at)}: each stage needs a whole number of epochs, from 0"
            )
        self.at = at
        self.every = every
        self.plateau = Plateau(patience, min_delta) if at == "plateau" else None

    def plan(self, stages: Sequence[str], epochs: int) -> dict[str, int]:
        """By the schedule; with a plateau it is filled in as it goes."""
        if isinstance(self.at, Mapping):
            check_stages("unfreezing.at", self.at, stages)
            return dict(self.at)
        if self.plateau is not None:
            return {}
        return evenly(stages, epochs) if self.every is None else stepwise(stages, self.every)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Make the plan.

        Raises:
            UserError: a plateau is to be found without validation.
        """
        super().setup(trainer, pl_module, stage)
        if stage == "fit" and self.plateau is not None:
            data = cast(MultiTaskData, trainer.datamodule)  # type: ignore[attr-defined]
            if data.source("val") is None:
                raise UserError("unfreezing.at=plateau: needs a val split, and the data has none")

    def describe(self) -> str:
        """What will happen, in one line."""
        if self.plateau is None:
            return super().describe()
        order = ", ".join(reversed(self.stages))
        return f"unfreezing at plateaus (patience {self.plateau.patience}): {order}"

    def more_to_come(self, epoch: int, epochs: int) -> bool:
        """Whether after this epoch a stage begins, or may begin, to train."""
        waiting = self.plateau is not None and len(self.since) < len(self.stages)
        return waiting or super().more_to_come(epoch, epochs)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look for a plateau."""
        if self.plateau is not None and in_training(trainer):
            monitor = str(pl_module.monitor)
            found = trainer.callback_metrics.get(monitor)
            # All ranks go by the first one's number, lest they differ in what they train.
            value = trainer.strategy.broadcast(float("nan") if found is None else float(found))
            left = [stage for stage in self.stages if stage not in self.since]
            mode = pl_module.mode_of(monitor)  # type: ignore[operator]
            if self.plateau.reached(value, mode) and left:
                self.since[left[-1]] = trainer.current_epoch + 1
        super().on_validation_end(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know."""
        if self.plateau is None:
            return {}
        return {"since": dict(self.since), **self.plateau.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The counterpart."""
        if self.plateau is not None:
            self.since = dict(state_dict["since"])
            self.plateau.load_state_dict(state_dict)


def _is_epoch(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _written(at: object) -> str:
    if isinstance(at, Mapping):
        return "{" + ",".join(f"{key}:{in_words(value)}" for key, value in at.items()) + "}"
    return in_words(at)
