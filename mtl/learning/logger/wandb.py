"""Weights & Biases, offline where there is no key."""

import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import WandbLogger

from mtl.config.paths import in_sweep
from mtl.errors import UserError
from mtl.learning.logger.tracked_as import keep, tracked_as
from mtl.learning.logger.tracker import RunFacts, State, Tracker, WrittenPicture, best_of

SERVER = "api.wandb.ai"
KEY = "WANDB_API_KEY"


class RunWandb(WandbLogger, Tracker):
    """Lightning's logger, with a run's pictures, configuration and results.

    The jobs of a sweep are a group of their own. Offline everything lies in ``wandb/`` of the run
    folder until ``wandb sync`` sends it. A resumed run goes on under the same number.

    Args:
        folder: of the run.
        project: that it belongs to.
        entity: a team or a user; None for the one whose key it is.
        offline: ``auto`` for offline where there is no key.
        purge_step: is ignored: what was sent stays.

    Raises:
        UserError: ``offline`` is false and there is no key.
    """

    def __init__(
        self,
        folder: Path,
        project: str,
        entity: str | None,
        offline: bool | Literal["auto"],
        purge_step: int | None = None,
    ) -> None:
        if offline is False and not has_key():
            raise UserError(
                f"logger.wandb.offline=false needs a key: set {KEY}, or run: wandb login"
            )
        known = tracked_as(folder, "wandb")
        silent = offline is True or (offline == "auto" and not has_key())
        super().__init__(
            name=folder.name,
            save_dir=folder,
            id=known,
            project=project,
            entity=entity,
            group=folder.parent.name if in_sweep(folder) else None,
            settings=_settings("offline" if silent else "online"),
        )
        # Lightning passes on what wandb no longer takes, which says so.
        self._wandb_init.pop("anonymous", None)
        self.folder = folder

    def begin(self, facts: RunFacts) -> None:
        """Keep the number; tell the configuration and the command."""
        keep(self.folder, "wandb", str(self.experiment.id))
        about = {**facts.settings, "hyperparameters": dict(facts.hyperparameters)}
        if facts.command is not None:
            about["command"] = facts.command
        self.log_hyperparams(about)

    def add_picture(self, tag: str, picture: WrittenPicture, step: int) -> None:
        """Hand over the file."""
        self.log_image(tag, [str(picture.file)], step)

    def end(self, facts: RunFacts, metrics: Mapping[str, float], step: int) -> None:
        """Put the results into the summary."""
        self.experiment.summary.update({**metrics, **best_of(metrics)})

    def close(self, state: State) -> None:
        """End the run, and the process that writes it."""
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if state == "finished" else 1)
            self._experiment = None


def has_key() -> bool:
    """Whether the environment or ``~/.netrc`` has one, without asking anybody."""
    if os.environ.get(KEY):
        return True
    try:
        return netrc.netrc().authenticators(SERVER) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _settings(mode: str) -> Any:
    """Nothing on the terminal, nothing measured of the machine, nothing read but what is logged."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    return wandb.Settings(
        mode=os.environ.get("WANDB_MODE", mode),
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
    )
