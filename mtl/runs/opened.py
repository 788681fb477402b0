"""Runs in Python: train one, or open what one has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig

from mtl.config.checkpoint_names import check_checkpoint, checkpoint_file
from mtl.config.compose import compose
from mtl.config.instantiate import container
from mtl.config.kinds import named_kinds
from mtl.config.load import load
from mtl.config.saved import open_run as read_run
from mtl.config.trust import leaves
from mtl.files import read_json
from mtl.model.network import Network
from mtl.runs.baselines.training import train_run
from mtl.runs.calibration.use import calibrate_network
from mtl.runs.evaluate import evaluate
from mtl.runs.folder import log_command
from mtl.runs.prediction.decider import Picture
from mtl.runs.prediction.inputs.find import find_images
from mtl.runs.prediction.predictor import Predictor
from mtl.runs.prediction.saved_run import open_without_data


class OpenedRun:
    """What a run has left.

    Args:
        path: the run's folder.
        overrides: ``key=value``, changes of its configuration.
        config_dir: a user's folder of further members.
        trust: names of modules whose classes the run may name.
        checkpoint: ``best``, ``last``, or the name of a further best one.
        device: ``auto``, ``cpu`` or ``cuda``, for ``predict``.
        calibrated: whether ``predict`` decides as ``mtl calibrate`` found, where it has been there.

    Raises:
        UserError: there is no such run, an override is wrong, or it names classes of others.
    """

    def __init__(
        self,
        path: str | Path,
        overrides: Sequence[str] = (),
        *,
        config_dir: Path | None = None,
        trust: Sequence[str] = (),
        checkpoint: str = "best",
        device: str = "auto",
        calibrated: bool = True,
    ) -> None:
        self.path = Path(path)
        self.checkpoint = checkpoint
        self._device = device
        self._calibrated = calibrated
        self._origin = list(overrides), config_dir, trust
        self.config: DictConfig = open_without_data(self.path, *self._origin)
        check_checkpoint(checkpoint, self.config)

    @cached_property
    def _predictor(self) -> Predictor:
        made = Predictor.of(self.config, self.path, self.checkpoint, self._device)
        if self._calibrated:
            weights = checkpoint_file(self.path, self.checkpoint)
            calibrate_network(made.network, self.config, self.path, weights)
        return made

    @property
    def network(self) -> Network:
        """The trained network, in evaluation mode; it takes normalised (B, 3, H, W) images."""
        return self._predictor.network

    @property
    def metrics(self) -> Mapping[str, float]:
        """Those of results.json, by full name; none where the run has not finished."""
        found: dict[str, float] = read_json(self.path / "results.json").get("metrics", {})
        return found

    def predict(self, images: str | Path | Sequence[str | Path | Picture]) -> list[dict[str, Any]]:
        """Decide on images.

        Args:
            images: a file, folder or glob; or a sequence of files and (H, W, 3) uint8 RGB arrays,
                or what files hold where ``data.channels`` or ``data.pixel_range`` say so.

        Returns:
            For each image task to what ``predictions.json`` holds of it, masks as (H, W) uint8
            arrays of class indices; all in the image's own pixels.

        Raises:
            UserError: there are no such images, or there is no checkpoint.
            BadFile: an image, or the checkpoint, can't be read.
        """
        paths = find_images(str(images)) if isinstance(images, str | Path) else images
        own = self._predictor.images
        pictures = [own.raw(Path(i)) if isinstance(i, str | Path) else i for i in paths]
        return [
            {task: dict(self.network.head(task).record(found)) for task, found in row.items()}
            for row in self._predictor(pictures)
        ]

    def evaluate(self, split: Literal["val", "test"] = "test") -> dict[str, float]:
        """Metrics over a split, which the data must be there for.

        Args:
            split: ``val`` or ``test``.

        Raises:
            UserError: there is no such split or no checkpoint, or the data's folder is gone.
        """
        overrides, config_dir, trust = self._origin
        cfg = read_run(self.path, overrides, config_dir, trust=trust)
        return evaluate(cfg, self.path, split, self.checkpoint)


def open_run(path: str | Path, overrides: Sequence[str] = (), **options: Any) -> OpenedRun:
    """Open a run's folder; see ``OpenedRun`` for its arguments."""
    return OpenedRun(path, overrides, **options)


def train(overrides: Sequence[str] = (), config_dir: Path | None = None) -> OpenedRun:
    """Train as ``mtl train`` does, and open what that has left.

    Args:
        overrides: as on the command line: ``["experiment=demo", "hydra.run.dir=mine"]``.
        config_dir: a folder of further members.

    Raises:
        UserError: a setting is wrong, or the input is at fault.
        RunError: training can't go on.
    """
    cfg = load(overrides, config_dir)
    folder = Path(str(compose(overrides, config_dir).hydra.run.dir))
    log_command(folder, f"train {' '.join(overrides)}")
    train_run(cfg, folder)
    # These have run already.
    named = [str(name) for key, name in leaves(container(cfg)) if key.endswith("._target_")]
    named += [kind for kind in named_kinds(cfg) if "." in kind]
    trust = sorted({name.partition(".")[0] for name in named})
    return OpenedRun(folder, config_dir=config_dir, trust=trust)
