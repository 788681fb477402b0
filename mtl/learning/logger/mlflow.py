"""MLflow, in a local store unless there is a server."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from pytorch_lightning.loggers import MLFlowLogger

from mtl.learning.logger.tracked_as import keep, tracked_as
from mtl.learning.logger.tracker import RunFacts, State, Tracker, WrittenPicture, best_of

SERVER = "MLFLOW_TRACKING_URI"
ENDED = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Unless the environment says otherwise: nothing sent but what is logged, nothing said."""


class RunMlflow(MLFlowLogger, Tracker):
    """Lightning's logger, with a run's pictures, configuration and results.

    A resumed run goes on under the same number.

    Args:
        folder: of the run.
        experiment: that it belongs to.
        uri: of a tracking server; None for ``MLFLOW_TRACKING_URI``, or else a local store.
        store: folder of the local store, a file of SQLite and the pictures.
        purge_step: is ignored: what was sent stays.
    """

    def __init__(
        self,
        folder: Path,
        experiment: str,
        uri: str | None,
        store: str,
        purge_step: int | None = None,
    ) -> None:
        quieten()
        server = uri or os.environ.get(SERVER)
        place = Path(store).absolute()
        if server is None:
            place.mkdir(parents=True, exist_ok=True)
        super().__init__(
            experiment_name=experiment,
            run_name=folder.name,
            tracking_uri=server or f"sqlite:///{place / 'mlflow.db'}",
            artifact_location=None if server else (place / "artifacts").as_uri(),
            run_id=tracked_as(folder, "mlflow"),
        )
        self.folder = folder

    def begin(self, facts: RunFacts) -> None:
        """Keep the number; tell the hyper-parameters, the configuration and the command."""
        number = str(self.run_id)
        keep(self.folder, "mlflow", number)
        self.experiment.update_run(number, status="RUNNING")
        # Names may not have an @, as in head@heads.NAME.
        named = {name.replace("@", "/"): v for name, v in facts.hyperparameters.items()}
        self.log_hyperparams(named)
        if facts.command is not None:
            self.experiment.set_tag(number, "command", facts.command)
        self.experiment.log_artifact(number, str(self.folder / "config.yaml"))

    def add_picture(self, tag: str, picture: WrittenPicture, step: int) -> None:
        """Add it to the pictures of its name."""
        with Image.open(picture.file) as image:
            self.experiment.log_image(str(self.run_id), image, key=tag, step=step)

    def end(self, facts: RunFacts, metrics: Mapping[str, float], step: int) -> None:
        """Add validation of the best checkpoint."""
        self.log_metrics(best_of(metrics), step)

    def finalize(self, status: str = "success") -> None:
        """Fit has ended, or test; the run goes on until ``close``."""

    def close(self, state: State) -> None:
        """Say how the run ended."""
        if self._initialized:
            self.experiment.set_terminated(str(self.run_id), ENDED[state])


def quieten() -> None:
    """Before MLflow is imported."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # It tells of each experiment that is new.
    logging.getLogger("pytorch_lightning.loggers.mlflow").setLevel(logging.ERROR)
