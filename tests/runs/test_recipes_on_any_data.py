"""Every recipe on every data set: a training step, or one line that says what to change."""

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from cifar_factory import make_cifar
from omegaconf import DictConfig
from voc_factory import CLASSES, make_voc

from mtl.config.check import check
from mtl.config.groups import members
from mtl.config.load import load
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.model.build import build_network
from mtl.runs.baselines.single import single

pytestmark = pytest.mark.slow

LABELS_ONLY = ("image_folder", "cifar10", "cifar10_100")
BOXES = {"box", "detection", "segmentation"}
SYSTEMS = ("independent", "joint", "split", "siamese", "multi_branch", "mil", "cmtl", "c_rmtl")
OWN = {
    # Stages are called by the backbone's own names.
    "c_rmtl_voc2007": ["encoder.tied_stages=[1,2]"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The overrides of each data set."""
    root = tmp_path_factory.mktemp("data")
    make_voc(root / "voc", n_train=4)
    for name in ("cat", "dog"):
        (root / "folder" / name).mkdir(parents=True)
        for number in range(5):
            picture = np.full((32, 32, 3), 50 * number, np.uint8)
            cv2.imwrite(str(root / "folder" / name / f"{number}.png"), picture)
    cifar = str(make_cifar(root / "cifar"))
    return {
        "shapes": ["data=shapes", "data.train=4", "data.val=2", "data.test=2"],
        "voc_folder": [
            "data=voc_folder",
            f"data.root={root}/voc",
            f"data.classes=[{','.join(CLASSES)}]",
        ],
        "image_folder": ["data=image_folder", f"data.root={root}/folder"],
        "cifar10": ["data=cifar10", f"data.root={cifar}", "data.verify=false"],
        "cifar10_100": [
            "data=cifar10_100",
            f"data.root={cifar}",
            f"data.root100={cifar}",
            "data.verify=false",
        ],
    }


def small(recipe: str) -> list[str]:
    return [
        f"experiment={recipe}",
        "backbone=small_cnn",
        "backbone.width=4",
        "backbone.weights=none",
        "image_size=32",
        "batch_size=4",
        "data.workers=0",
        "data.cache=false",
        *OWN.get(recipe, []),
    ]


def one_step(cfg: DictConfig) -> set[str]:
    """The tasks that had a finite loss with a gradient."""
    torch.manual_seed(0)
    module = build_data(cfg)
    module.prepare_data()
    network = build_network(cfg, module.targets).train()
    batch = next(iter(module.train_dataloader()))
    assert isinstance(batch, Batch)
    batch = replace(batch, image=module.normalise(batch.image))
    outputs = network.labelled_outputs(batch)
    losses = [network.loss(task, raw, labels) for task, (raw, labels) in outputs.items()]
    total = torch.stack(losses).sum()
    assert total.isfinite()
    total.backward()
    return set(outputs)


def see_baselines(cfg: DictConfig) -> None:
    """Each task alone can be trained, and differs in nothing but the tasks."""
    for task in map(str, cfg.tasks):
        alone = single(cfg, task)
        assert check(alone) == alone
        assert (list(alone.tasks), list(alone.heads)) == ([task], [task])
        assert alone.fusion.exchange == "none"
        assert alone.weighting == {"_target_": "mtl.learning.weighting.equal.Equal"}
        own = {"name", "tasks", "heads", "encoder", "fusion", "weighting"}
        assert {k: v for k, v in alone.items() if k not in own} == {
            k: v for k, v in cfg.items() if k not in own
        }
        assert build_network(alone, build_data(alone).targets).tasks == (task,)


@pytest.mark.parametrize("recipe", members("experiment"))
def test_every_recipe(recipe: str, data: dict[str, list[str]]) -> None:
    for name, overrides in data.items():
        if recipe in SYSTEMS[1:] and name in LABELS_ONLY:
            continue  # their tasks are those of the first
        try:
            cfg = load([*small(recipe), *overrides])
            tasks = one_step(cfg)
        except UserError as error:
            said = str(error)
            assert "\n" not in said
            needed = re.search(r"needs (\w+), but the data can only label", said)
            lacks = needed is not None and f"({needed[1]})" not in said
            assert name in LABELS_ONLY or lacks, (name, said)
            # What to change is there to be copied.
            assert "it can train tasks=[" in said or ".target=NAME" in said, (name, said)
            assert recipe not in ("none", "recipe_vgg16"), (name, said)
        else:
            assert tasks, name
            assert name not in LABELS_ONLY or not BOXES & tasks
            if name == "shapes":
                see_baselines(cfg)


def test_what_a_refusal_proposes_runs(data: dict[str, list[str]]) -> None:
    for recipe in ("joint", "bccd"):
        with pytest.raises(
            UserError, match=r"needs boxes, .* it can train tasks=\[classification\]"
        ):
            load([*small(recipe), *data["image_folder"]])
        chosen = [*small(recipe), *data["image_folder"], "tasks=[classification]"]
        assert one_step(load(chosen)) == {"classification"}


def test_the_general_recipe_keeps_its_hidden_units(data: dict[str, list[str]]) -> None:
    for name, task in (("shapes", "classification"), ("cifar10_100", "cifar100")):
        assert load([*small("recipe_vgg16"), *data[name]]).heads[task].hidden == 256


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["experiment=bccd", "data=shapes", "data.root=."], "unknown key 'data.root'"),
        (["experiment=recipe_vgg16", "data=shapes", "heads.cifar10.hidden=1"], "cifar10"),
        (["experiment=demo", "backbone=resnet18", "backbone.width=3"], "backbone.width"),
        (["data=shapes", "++lrr=1"], "unknown key 'lrr'"),
    ],
)
def test_what_was_typed_is_still_refused(typed: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load(typed)


def test_parts_are_replaced_too(tmp_path: Path) -> None:
    """The recipe cifar10 sets the width of its own backbone."""
    cfg = load(["experiment=cifar10", "data=shapes", "backbone=resnet18"])
    assert "width" not in cfg.backbone
    assert load(["experiment=cifar10", "data=shapes"]).backbone.width == 32
