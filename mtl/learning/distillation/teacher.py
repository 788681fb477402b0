"""A trained network that says what another is to learn."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mtl.data.preprocess.base import Preprocess
from mtl.model.network import Network
from mtl.model.reproducible import resized


@dataclass(frozen=True)
class Teacher:
    """A network with its weights, which are never changed; in evaluation mode from here on.

    Args:
        name: of its run, for messages.
        network: the network.
        tasks: those that it teaches, of its own.
        preprocess: how its pictures were normalised, and how large they were.
        pupil: the same of the student's pictures.
    """

    name: str
    network: Network
    tasks: tuple[str, ...]
    preprocess: Preprocess
    pupil: Preprocess

    def __post_init__(self) -> None:
        self.network.eval().requires_grad_(False)

    @torch.no_grad()
    def answers(self, image: Tensor) -> dict[str, Any]:
        """What each of its tasks' heads says of every image, as raw output for B rows.

        Args:
            image: (B, 3, H, W) float as the student gets it: augmented, and normalised.
        """
        network = self.network.to(image.device, image.dtype)
        raws = network(self._as_trained(image), self.tasks)
        return {task: network.merged(task, raw) for task, raw in raws.items()}

    def _as_trained(self, image: Tensor) -> Tensor:
        """Normalised and as large as its own training's pictures."""
        own, theirs = self.preprocess, self.pupil
        if (tuple(own.mean), tuple(own.std)) != (tuple(theirs.mean), tuple(theirs.std)):
            mean, std, its_mean, its_std = (
                torch.tensor(list(values), dtype=image.dtype, device=image.device)[:, None, None]
                for values in (own.mean, own.std, theirs.mean, theirs.std)
            )
            image = (image * its_std + (its_mean - mean)) / std
        side = own.image_size
        if side != theirs.image_size:
            image = resized(image, (side, side), antialias=True)
        return image
