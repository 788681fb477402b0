"""A smaller network that learns from larger ones."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from omegaconf import DictConfig

from mtl.config.backbones import without_first_weights
from mtl.config.member_files import node_of
from mtl.config.nearest import in_words, listing, unknown
from mtl.config.paths import LESSONS
from mtl.config.saved import changed
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.files import write_json
from mtl.learning.distillation.check import check_lessons
from mtl.learning.distillation.module import DistilledModule
from mtl.learning.distillation.teacher import Teacher
from mtl.model.build import build_network
from mtl.runs.compression.base import Step, Workpiece
from mtl.runs.prediction.predictor import Predictor
from mtl.runs.train import train

FOLDER = "student"
LINKED = ("mean", "std")
"""Of the preprocessing, which takes them from the backbone."""


class Distill(Step):
    """Train a student as the run was trained, with what teachers say beside the labels.

    The teacher of a task is the run's network, or that of a run of its own, such as a single-task
    baseline. See ``DistilledModule`` for the loss and ``Head.distillation`` for what it compares.

    The student's training is a run in the folder ``student`` of the compressed one: it has its own
    curves and results, and goes on where it was interrupted.

    Args:
        backbone: of the student; None for the run's.
        overrides: dotted keys of its configuration to values.
        teachers: task to the folder of a run that has a task of that name.
        weight: of the teachers, above 0 and at most 1.
        temperature: greater than 0.

    Raises:
        UserError: ``overrides`` or ``teachers`` is no mapping.
    """

    def __init__(
        self,
        *,
        backbone: str | None,
        overrides: Mapping[str, Any] | None,
        teachers: Mapping[str, str] | None,
        weight: float,
        temperature: float,
    ) -> None:
        self.backbone = backbone
        self.overrides = _mapping("overrides", overrides, "{image_size: 96, epochs: 20}")
        self.teachers = _mapping("teachers", teachers, "{box: outputs/baselines/NAME}")
        self.weight = weight
        self.temperature = temperature

    starts_anew = True

    def check(self, work: Workpiece) -> None:
        """See that a student can be built, and that it can learn from its teachers.

        Raises:
            UserError: a teacher can't be had, or the student can't learn from it.
        """
        cfg = self._student(work)
        teachers = self._teachers(work, cfg)
        without_first_weights(cfg)
        check_lessons(build_network(cfg, work.data.targets), teachers)

    def apply(self, work: Workpiece) -> None:
        """Train the student and put it in the network's place."""
        cfg = self._student(work)
        teachers = self._teachers(work, cfg)
        for teacher in teachers:
            work.say(f"{teacher.name} teaches {listing(teacher.tasks)}")
        made = partial(
            DistilledModule, teachers=teachers, weight=self.weight, temperature=self.temperature
        )
        folder = work.out / FOLDER
        train(cfg, folder, make_module=made)
        lessons = {task: teacher.name for teacher in teachers for task in teacher.tasks}
        settings = {"weight": self.weight, "temperature": self.temperature}
        write_json(folder / LESSONS, {"teachers": lessons, **settings})
        without_first_weights(cfg)
        work.cfg, work.data = cfg, build_data(cfg)
        work.data.prepare_data()
        work.network = Predictor.of(cfg, folder, device="cpu").network

    def _student(self, work: Workpiece) -> DictConfig:
        """The configuration that trains it."""
        chosen = {} if self.backbone is None else {"backbone": self.backbone}
        chosen |= self.overrides
        overrides = [f"{key}={in_words(value)}" for key, value in chosen.items()]
        before = work.cfg.copy()
        before.init = node_of("init", "none")
        cfg = changed(before, overrides, work.config_dir, trust=work.trust)
        if list(cfg.tasks) != list(work.cfg.tasks):
            raise UserError("distill.overrides: a student keeps the run's tasks, for the table")
        for name in LINKED:
            # Saved configurations hold the numbers, not where they came from.
            if work.cfg.preprocess.get(name) == work.cfg.backbone.get(name):
                cfg.preprocess[name] = cfg.backbone[name]
        return cfg

    def _teachers(self, work: Workpiece, student: DictConfig) -> list[Teacher]:
        """One for each run, with the tasks that it teaches.

        Raises:
            UserError: a task is none of the run's, or none of its teacher's.
        """
        for task in self.teachers:
            if task not in work.network.tasks:
                raise UserError(f"distill.teachers: {unknown('task', task, work.network.tasks)}")
        pupil = build_data(student).preprocess
        taught: dict[str, list[str]] = {}
        for task in work.network.tasks:
            taught.setdefault(self.teachers.get(task, str(work.run)), []).append(task)
        found = []
        for name, tasks in taught.items():
            if name == str(work.run):
                network, preprocess = work.network, work.data.preprocess
            else:
                opened = Predictor.open(
                    name, device="cpu", config_dir=work.config_dir, trust=work.trust
                )
                network, preprocess = opened.network, opened.preprocess
            for task in tasks:
                if task not in network.tasks:
                    raise UserError(
                        f"distill.teachers.{task}={name}: {unknown('task', task, network.tasks)}"
                    )
            found.append(Teacher(name, network, tuple(tasks), preprocess, pupil))
        return found


def _mapping(option: str, value: object, example: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise UserError(f"distill.{option}={in_words(value)}: write 'distill.{option}={example}'")
    return dict(value or {})
