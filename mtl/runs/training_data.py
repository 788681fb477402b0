"""The data of a training, prepared and looked at before anything is built for it."""

from omegaconf import DictConfig

from mtl.config.nearest import listing
from mtl.config.total_batch import AUTO
from mtl.config.validation import unvalidated, validation_followers
from mtl.data.build import build_data
from mtl.data.inspection.labelled import doubts, unlabelled
from mtl.data.loading.module import MultiTaskData
from mtl.data.sources.base import SPLITS
from mtl.errors import UserError
from mtl.learning.build import MakeModule
from mtl.runs.auto_batch.settle import settle_batch_size
from mtl.runs.folder import RunFolder
from mtl.runs.meeting import in_turn
from mtl.terminal import say


def training_data(cfg: DictConfig, run: RunFolder, make_module: MakeModule) -> MultiTaskData:
    """The data, prepared and looked at; with it, ``batch_size=auto`` becomes a number.

    Args:
        cfg: the whole configuration.
        run: its folder.
        make_module: see ``build_module``.

    Raises:
        UserError: the data lacks what the training needs.
    """
    auto = cfg.batch_size == AUTO
    if auto:
        cfg.batch_size = 1
    data = build_data(cfg)
    data.check_channels()
    in_turn("data", data.prepare_data)
    data.required("train")
    _check_validation(cfg, data)
    _check_labels(cfg, data)
    if auto:
        settle_batch_size(cfg, run, data, make_module)
    return data


def _check_validation(cfg: DictConfig, data: MultiTaskData) -> None:
    """See that there is a validation split if it is needed, and say where it isn't used.

    Raises:
        UserError: something goes by what validation finds, and there is none.
    """
    followers = validation_followers(cfg)
    if data.source("val") is None:
        if followers:
            hint = "; data.val_fraction=0.2 holds some of train out" * ("val_fraction" in cfg.data)
            raise UserError(f"{followers[0]} needs a val split, and the data has none{hint}")
    elif (why := unvalidated(cfg)) is not None:
        idle = f", and {listing(followers)} has nothing to go by" if followers else ""
        say(f"{why}: nothing is validated, the last checkpoint counts as the best{idle}")


def _check_labels(cfg: DictConfig, data: MultiTaskData) -> None:
    """Say how the data was taken, and what of it nothing can be learned or measured from.

    Raises:
        UserError: no training sample is labelled for a task, or masks show no class.
    """
    for note in data.data_set.notes():
        say(note)
    wanted = {task: str(cfg.heads[task].target) for task in cfg.tasks}
    there = {name: data.targets[name] for name in wanted.values() if name in data.targets}
    for split in SPLITS:
        source = data.files(split)
        missing, broken = ([], []) if source is None else unlabelled(source, there)
        if missing:
            # What can't be read may be the reason.
            data.note_broken(tuple(broken))
        for task, name in wanted.items():
            if name not in missing:
                continue
            if split == "train":
                raise UserError(
                    f"no train sample is labelled for the task {task}: none has the target {name}; "
                    "mtl inspect says what was found"
                )
            say(f"no {split} sample is labelled for the task {task}: it has no {split} metrics")
        if split == "train" and source is not None:
            for note in doubts(source, there):
                say(note)
