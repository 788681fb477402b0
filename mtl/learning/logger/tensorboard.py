"""TensorBoard events directly in the run folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from lightning_fabric.loggers.logger import rank_zero_experiment
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary

from mtl.learning.logger.done_without import LosableFile
from mtl.learning.logger.hparams import row_of
from mtl.learning.logger.layout import layout_of
from mtl.learning.logger.tags import tag_of
from mtl.learning.logger.tracker import RunFacts, State, Tracker, WrittenPicture, best_of


class RunTensorBoard(TensorBoardLogger, Tracker):
    """Lightning's logger, writing one file into the folder itself.

    Args:
        folder: of the run.
        purge_step: on a resume, the step from which on earlier events don't count; None otherwise.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        super().__init__(
            save_dir=folder, name="", version="", default_hp_metric=False, purge_step=purge_step
        )

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """What writes; see ``LosableFile``."""
        new = self._experiment is None
        writer: Any = super().experiment
        if new:
            events = writer.file_writer.event_writer
            records = events._async_writer._writer
            path = Path(events._file_name)
            records._writer = LosableFile(records._writer, path, "TensorBoard's events")
        return writer

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write numbers, under the names that put them into order."""
        super().log_metrics({tag_of(name): value for name, value in metrics.items()}, step)

    def begin(self, facts: RunFacts) -> None:
        """Write the command and the configuration as text, and how curves are laid out."""
        text = yaml.safe_dump(dict(facts.settings), sort_keys=False, allow_unicode=True)
        self.experiment.add_text("configuration", _code(text))
        if facts.command is not None:
            self.experiment.add_text("command", _code(facts.command))
        self.experiment.add_custom_scalars(layout_of(facts.settings))

    def add_picture(self, tag: str, picture: WrittenPicture, step: int) -> None:
        """Write what is encoded already; ``add_image`` encodes it again, and slowly."""
        image = Summary.Image(
            height=picture.height,
            width=picture.width,
            colorspace=3,
            encoded_image_string=picture.png,
        )
        summary = Summary(value=[Summary.Value(tag=tag, image=image)])
        self.experiment._get_file_writer().add_summary(summary, step)

    def end(self, facts: RunFacts, metrics: Mapping[str, float], step: int) -> None:
        """Write the run's row of the HParams table, of validation where nothing was tested."""
        split, found = "test", metrics
        if not any(name.startswith("test/") for name in metrics):
            split, found = "best", best_of(metrics)
            self.log_metrics(found, step)
        for summary in row_of(facts, found, split):
            self.experiment._get_file_writer().add_summary(summary)

    def save(self) -> None:
        """Flush; the configuration is in config.yaml already, no hparams.yaml is needed."""
        self._flush()

    def finalize(self, status: str) -> None:
        """Flush after each of fit and test; closed, the next would open another file."""
        if self._experiment is not None:
            self._flush()

    def _flush(self) -> None:
        """Wait until the thread that writes has written all.

        Ctrl-C may come between what is handed to it and the word that there is something. It then
        sleeps on until its next look, two minutes later, and so would whoever waits for it.
        """
        writer = self.experiment
        if self._experiment is None or writer.file_writer is None:
            return  # of several processes the first writes; behind close there is nothing left
        waiting = writer.file_writer.event_writer._async_writer._byte_queue
        with waiting.mutex:
            waiting.not_empty.notify()
        writer.flush()

    def close(self, state: State) -> None:
        """End the file and its thread."""
        if self._experiment is not None:
            self.experiment.close()


def _code(text: str) -> str:
    """As Markdown that is shown as it is."""
    return "".join(f"    {line}\n" for line in text.splitlines())
