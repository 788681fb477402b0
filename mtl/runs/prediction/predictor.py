"""A trained network that takes images as they are and answers in their own pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from mtl.config.checkpoint_names import checkpoint_file
from mtl.config.instantiate import container, make
from mtl.config.kinds import named_kinds
from mtl.config.saved import read_config
from mtl.data.image_file import MAX_MEGAPIXELS, allow_megapixels
from mtl.data.image_format import USUAL, ImageFormat, format_of
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.normalise import Normalise
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.learning.checkpoints import load_network_weights, trained_targets
from mtl.model.build import build_network
from mtl.model.figures.predictions import unbatched
from mtl.model.head.base import Head
from mtl.model.network import Network
from mtl.runs.prediction.decider import Prepared
from mtl.runs.prediction.on_pictures import OnPictures
from mtl.runs.prediction.saved_run import open_without_data


class Predictor(OnPictures):
    """Preprocessing, network and the way back to the original pixels.

    Args:
        network: with its trained weights.
        preprocess: the deterministic steps it was trained with.
        batch_size: images that go through the network together, 1 or more.
        device: where it runs.
        images: what they are.
    """

    def __init__(
        self,
        network: Network,
        preprocess: Preprocess,
        batch_size: int,
        device: torch.device | str = "cpu",
        images: ImageFormat = USUAL,
    ) -> None:
        super().__init__(preprocess, batch_size, images)
        self.device = torch.device(device)
        self.network = network.eval().to(self.device)
        self.normalise = Normalise(preprocess.mean, preprocess.std).to(self.device)

    @classmethod
    def open(
        cls,
        run: str | Path,
        overrides: Sequence[str] = (),
        checkpoint: str = "best",
        device: str = "auto",
        config_dir: Path | None = None,
        trust: Sequence[str] = (),
    ) -> Predictor:
        """The network that a run trained; neither its data nor the internet is needed.

        Args:
            run: the run's folder.
            overrides: of its configuration.
            checkpoint: ``best``, ``last``, or the name of a further best one.
            device: see ``device_named``.
            config_dir: a user's folder of further members.
            trust: names of modules whose classes it may name.

        Raises:
            UserError: there is no such run or checkpoint, or an override is wrong.
            BadFile: the checkpoint can't be read.
        """
        cfg = open_without_data(run, overrides, config_dir, trust)
        return cls.of(cfg, run, checkpoint, device)

    @classmethod
    def of(
        cls,
        cfg: DictConfig,
        run: str | Path,
        checkpoint: str = "best",
        device: str = "auto",
    ) -> Predictor:
        """``open`` with a configuration that has been read.

        Args:
            cfg: as ``open_without_data`` returns it.
            run: see ``open``.
            checkpoint: see ``open``.
            device: see ``open``.
        """
        # A run of an older version has no such key.
        allow_megapixels(cfg.data.get("max_megapixels", MAX_MEGAPIXELS))
        path = checkpoint_file(Path(run), checkpoint)
        network = build_network(cfg, trained_targets(path, named_kinds(cfg)))
        load_network_weights(network, path)
        if cfg.trainer.channels_last:
            network = network.to(memory_format=torch.channels_last)
        preprocess = make(container(cfg.preprocess), Preprocess, image_size=cfg.image_size)
        images = format_of(cfg.data)
        return cls(network, preprocess, cfg.batch_size, device_named(device), images)

    @property
    def tasks(self) -> Mapping[str, Head]:
        """The heads."""
        return {task: self.network.head(task) for task in self.network.tasks}

    def decide(self, batch: Sequence[Prepared]) -> list[dict[str, Any]]:
        """See ``Decider``: predictions in the network's picture."""
        pixels = torch.from_numpy(np.stack([prepared.content[0] for prepared in batch]))
        normal = self.normalise(pixels.permute(0, 3, 1, 2).to(self.device))
        return unbatched(self.network, self.network.predict(normal))


def known_targets(cfg: DictConfig, run: Path, path: Path) -> Mapping[str, Target]:
    """What a run's tasks were trained on, by the names that targets have in the data of ``cfg``.

    Args:
        cfg: the run's configuration, perhaps with another data set.
        run: the run's folder.
        path: of its checkpoint.

    Raises:
        UserError: see ``trained_targets``.
        BadFile: likewise.
    """
    own = read_config(run)
    trained = trained_targets(path, named_kinds(cfg))
    return {str(cfg.heads[task].target): trained[own.heads[task].target] for task in cfg.tasks}


def device_named(name: str) -> torch.device:
    """``cpu``, ``cuda``, or ``auto``: the GPU where there is one.

    Raises:
        UserError: ``cuda`` where there is none.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise UserError("device=cuda: torch finds no GPU here; write device=cpu or leave it out")
    return torch.device("cuda" if there and name != "cpu" else "cpu")
