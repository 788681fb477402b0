"""Whether a configuration makes sense as a whole; nothing here imports torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mtl.config.allowed import UNKNOWN, Chosen
from mtl.config.checkpoint_names import check_monitors, checkpoint_file
from mtl.config.finalise import fixed
from mtl.config.instantiate import container, copied
from mtl.config.labelling import label_tasks
from mtl.config.measures import on_sets
from mtl.config.mixture import augmentations_of, nested, sets_of_tasks
from mtl.config.monitor import check_main_metrics, check_monitor
from mtl.config.nearest import in_words, unknown
from mtl.config.places import settle_places
from mtl.config.protocol import check_protocol
from mtl.config.ranges import check_ranges
from mtl.config.total_batch import check_total_batch
from mtl.config.validation import check_validation
from mtl.errors import UserError


def check(
    cfg: Mapping[str, Any],
    needs_data: bool = True,
    base: Path | None = None,
    chosen: Chosen = UNKNOWN,
    begins: bool = True,
) -> DictConfig:
    """Hold a finalised configuration to everything that can be known without data and torch.

    Args:
        cfg: as ``final_values`` or ``finalise`` returns it; left as it is.
        needs_data: whether the data's folders must be there.
        base: what relative paths are relative to where that isn't the current folder.
        chosen: the members that it was made of.
        begins: whether a training may begin with it, for which ``init`` has to be there.

    Returns:
        The same with ``heads.<task>.target`` filled in, ``epochs`` within its limit, and its paths
        written out.

    Raises:
        UserError: names the key and what is allowed.
    """
    return fixed(checked_values(cfg, needs_data, base, chosen, begins))


def checked_values(
    cfg: Mapping[str, Any],
    needs_data: bool = True,
    base: Path | None = None,
    chosen: Chosen = UNKNOWN,
    begins: bool = True,
) -> dict[str, Any]:
    """``check`` as plain values, which takes a fraction of the time."""
    chosen.refuse_in_recipe()
    plain_values = container(cfg) if isinstance(cfg, DictConfig) else copied(dict(cfg))
    check_ranges(plain_values, chosen)
    for name, node in augmentations_of(plain_values["data"], plain_values["augmentation"]).items():
        try:
            check_ranges(node, chosen, "augmentation.")
        except UserError as error:
            raise UserError(f"data.augmentations.{name}: {error}") from error
    if (most := plain_values["trainer"].get("limit_epochs")) is not None:
        plain_values["epochs"] = min(plain_values["epochs"], most)
    settle_places(plain_values, base)
    check_image_size(plain_values["image_size"], plain_values["backbone"])
    check_weights(plain_values["backbone"])
    for backbone in plain_values["encoder"].get("backbones") or []:
        check_image_size(plain_values["image_size"], backbone)
        if needs_data:
            check_weights(backbone)
    label_tasks(plain_values["heads"], plain_values["data"])
    for task in plain_values["unfreezing"].get("heads") or ():
        if task not in plain_values["heads"]:
            raise UserError(f"unfreezing.heads: {unknown('task', task, plain_values['heads'])}")
    check_main_metrics(plain_values["heads"])
    sets = sets_of_tasks(plain_values["data"], plain_values["heads"])
    logged = {
        task: {**head, "metrics": on_sets(head["metrics"], sets.get(task, ()))}
        for task, head in plain_values["heads"].items()
    }
    check_monitor(plain_values["monitor"], logged)
    for name, callback in plain_values["callbacks"].items():
        if isinstance(callback, dict) and "monitor" in callback:
            check_monitor(callback["monitor"], logged, f"callbacks.{name}.monitor")
    check_monitors(plain_values["callbacks"], logged)
    check_protocol(plain_values)
    if begins:
        check_total_batch(plain_values)
        check_validation(plain_values)
    if needs_data:
        check_root(plain_values["data"])
        if begins:
            check_init(plain_values["init"])
    return plain_values


def check_image_size(image_size: int, backbone: Mapping[str, Any]) -> None:
    """The image must leave at least one cell at the coarsest stage.

    Raises:
        UserError: it is smaller than the backbone's stride.
    """
    stride = backbone.get("stride", 1)
    if backbone.get("stem") == "cifar":
        stride //= 4
    if backbone.get("stem_stride") == 1:
        stride //= 2
    if image_size < stride:
        raise UserError(
            f"image_size={image_size}: must be at least {stride}, the backbone's largest stride"
        )


def check_weights(backbone: Mapping[str, Any]) -> None:
    """Pre-trained weights are none, imagenet, or a file that is there.

    Raises:
        UserError: it is none of these.
    """
    weights = backbone.get("weights", "none")
    if weights not in ("none", "imagenet") and not (
        isinstance(weights, str) and Path(weights).expanduser().is_file()
    ):
        raise UserError(
            f"backbone.weights={in_words(weights)}: must be none, imagenet or a file that exists"
        )


def check_init(init: Mapping[str, Any]) -> None:
    """The run whose weights a training begins with must be there.

    Raises:
        UserError: it isn't, or lacks the checkpoint.
    """
    if "run" not in init or "checkpoint" not in init:
        return
    run, name = Path(init["run"]), init["checkpoint"]
    if not run.is_dir():
        raise UserError(f"init.run={run}: no such folder; write init.run=outputs/runs/NAME/TIME")
    if not checkpoint_file(run, name).is_file():
        there = sorted(file.stem for file in checkpoint_file(run, name).parent.glob("*.ckpt"))
        raise UserError(
            f"init.checkpoint={name}: {unknown('checkpoint', name, there)}"
            if there
            else f"init.run={run}: no checkpoints in it"
        )


def check_root(data: dict[str, Any]) -> None:
    """The data's folders must be there unless they will be downloaded.

    Raises:
        UserError: one isn't.
    """
    for where, node in nested(data).items():
        for key, folder in roots(node):
            if node.get("download") is True or Path(str(folder)).expanduser().is_dir():
                continue
            hint = f", or {where}.download=true" if "download" in node else ""
            hint += f"; {node['published']}" if node.get("published") else ""
            raise UserError(
                f"{where}.{key}={folder}: no such folder; set {where}.{key}=FOLDER{hint}"
            )


def roots(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The folders that a data set reads from, by key."""
    return [(k, v) for k, v in data.items() if k.startswith("root") and v is not None]
