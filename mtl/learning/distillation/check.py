"""Whether a network can learn from its teachers, found out before it begins."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mtl.config.nearest import in_words, listing
from mtl.data.preprocess.base import Preprocess
from mtl.errors import UserError
from mtl.learning.distillation.teacher import Teacher
from mtl.model.head.base import Head
from mtl.model.network import Network
from mtl.words import some

MADE_UP_FOR = ("image_size", "mean", "std")
"""Settings of the preprocessing in which teacher and student may differ; see ``Teacher``."""


def check_lessons(network: Network, teachers: Sequence[Teacher]) -> None:
    """Let student and teachers look at a grey picture, and compare what they say.

    Args:
        network: the student's.
        teachers: see ``DistilledModule``.

    Raises:
        UserError: a teacher was trained on pictures prepared otherwise; or a head has no
            distillation loss, knows other classes than its teacher's, or answers in another shape.
    """
    for teacher in teachers:
        _check_pictures(teacher)
        for task in teacher.tasks:
            try:
                _check_heads(network.head(task), teacher.network.head(task))
            except UserError as error:
                raise UserError(f"task {task}, teacher {teacher.name}: {error}") from error
    for teacher in teachers:
        _check_shapes(network, teacher)


def _check_heads(own: Head, its: Head) -> None:
    name = type(own).__name__
    if type(own).distillation is Head.distillation:
        raise UserError(
            f"{name} has no distillation loss: it needs the method distillation (see mtl.Head)"
        )
    if type(its) is not type(own):
        raise UserError(f"its head is a {type(its).__name__}, the student's a {name}")
    known, wanted = its.target.titles, own.target.titles
    if known != wanted:
        gone, new = _without(known, wanted), _without(wanted, known)
        apart = [f"only the teacher knows {some(gone)}"] if gone else []
        apart += [f"only the student's data has {some(new)}"] if new else []
        raise UserError(
            f"{', '.join(apart) or 'it numbers the classes otherwise'}: both have to be trained "
            "on the same classes"
        )
    own.check_teacher(its)


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
    return [name for name in names if name not in others]


def _check_pictures(teacher: Teacher) -> None:
    its, own = _settings(teacher.preprocess), _settings(teacher.pupil)
    for name in [*its, *own]:
        if its.get(name) != own.get(name):
            before, now = (in_words(settings.get(name)) for settings in (its, own))
            raise UserError(
                f"teacher {teacher.name} was trained with preprocess.{name}={before}, the student "
                f"sees pictures of {now}: both have to see the same"
            )


def _settings(preprocess: Preprocess) -> dict[str, object]:
    kept = {n: v for n, v in preprocess.declared.items() if n not in MADE_UP_FOR}
    return {"_target_": type(preprocess).__name__, **kept}


def _check_shapes(network: Network, teacher: Teacher) -> None:
    side = teacher.pupil.image_size
    image = torch.zeros(2, network.image_channels, side, side)
    training = network.training
    network.eval()
    with torch.no_grad():
        raws = network(image, teacher.tasks)
    network.train(training)
    for task, lesson in teacher.answers(image).items():
        own, its = _shapes(network.merged(task, raws[task])), _shapes(lesson)
        if network.head(task).same_answers and own != its:
            raise UserError(
                f"task {task}, teacher {teacher.name}: for an image it gives {_shown(its)}, and "
                f"the student {_shown(own)}; keep image_size, the backbone's "
                "strides and the head's own options"
            )


def _shapes(raw: Any) -> dict[str, tuple[int, ...]]:
    """Of an image's raw output, by name."""
    parts = {"numbers": raw} if isinstance(raw, Tensor) else raw
    return {name: tuple(part.shape[1:]) for name, part in parts.items()}


def _shown(shapes: dict[str, tuple[int, ...]]) -> str:
    return listing(f"{' x '.join(map(str, shape))} {name}" for name, shape in shapes.items())
