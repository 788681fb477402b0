"""The articles' systems: each recipe trains, and has the settings that it stands for."""

import json
from pathlib import Path

import pytest
import torch
from cifar_factory import make_cifar
from voc_factory import make_voc

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.data.sample import Target
from mtl.model.build import build_network
from mtl.model.encoder.branches import Branches

pytestmark = pytest.mark.slow

SYSTEMS = ("independent", "joint", "split", "siamese", "multi_branch", "mil", "cmtl", "c_rmtl")
TINY = [
    "data.train=8",
    "data.val=4",
    "data.test=4",
    "image_size=32",
    "batch_size=8",
    "epochs=1",
    "backbone.width=4",
]


def test_systems_in_one_sweep(mtl, tmp_path: Path) -> None:
    """The least and the most; each one's step is taken in ``test_recipes_on_any_data``."""
    systems = ("joint", "c_rmtl")
    chosen = f"experiment={','.join(systems)}"
    result = mtl("train", "-m", "name=systems", chosen, "data.orientation=free", *TINY)
    assert result.code == 0, result.err
    for name in systems:
        folder = tmp_path / "outputs" / "sweeps" / "systems" / f"experiment-{name}"
        metrics = json.loads((folder / "results.json").read_text())["metrics"]
        assert {"test/classification/accuracy", "test/box/iou"} <= set(metrics)


def test_systems_differ_in_nothing_but_the_system() -> None:
    configs = {name: load([f"experiment={name}"]) for name in SYSTEMS}
    own = {"views", "encoder", "fusion", "ensemble", "name", "tasks", "heads"}
    joint = {k: v for k, v in configs["joint"].items() if k not in own}
    for cfg in configs.values():
        assert {k: v for k, v in cfg.items() if k not in own} == joint
        for task in ("classification", "box"):
            assert cfg.heads[task] == configs["joint"].heads[task]


def test_networks_of_the_systems() -> None:
    targets = {"label": Target("label", ("a", "b")), "boxes": Target("boxes", ("a", "b"))}
    counts = {}
    for name in SYSTEMS:
        network = build_network(load([f"experiment={name}", "backbone.width=8"]), targets)
        counts[name] = sum(p.numel() for p in network.encoder.parameters())
    one = counts["joint"]
    assert counts["independent"] == 2 * one
    assert counts["split"] == 4 * one
    assert counts["siamese"] == counts["mil"] == one
    assert one < counts["multi_branch"] < 2 * one
    assert one < counts["c_rmtl"] < 2 * one
    assert one < counts["cmtl"] < 3 * one


@pytest.mark.parametrize("backbone", ["small_cnn", "resnet18"])
def test_c_rmtl_ties_two_stages_of_any_backbone(backbone: str) -> None:
    targets = {"label": Target("label", ("a", "b")), "boxes": Target("boxes", ("a", "b"))}
    network = build_network(load(["experiment=c_rmtl", f"backbone={backbone}"]), targets)
    assert isinstance(network.encoder, Branches)
    first, second = network.encoder.branches
    names = [stage.name for stage in network.encoder.description]
    shared = [first.stages[n] is second.stages[n] for n in names]  # type: ignore[index]
    assert shared == [False, True, True] + [False] * (len(names) - 3)


def test_c_rmtl_with_the_article_s_settings(mtl, tmp_path: Path) -> None:
    root = tmp_path / "voc"
    classes = ("aeroplane", "bicycle", "bird", "boat", "car")
    make_voc(root / "VOCdevkit" / "VOC2007", n_train=4, n_val=2, n_test=2, classes=classes)
    cfg = load(["experiment=c_rmtl_voc2007", f"data.root={root}"])
    assert (cfg.batch_size, cfg.image_size, cfg.lr) == (16, 224, 1e-3)
    assert cfg.lr * cfg.optimizer.backbone_factor == pytest.approx(1e-4)
    assert cfg.heads.classification.label_smoothing == 0.1
    assert (cfg.heads.box.delta, cfg.heads.box.delta_unit, cfg.heads.box.weight) == (10, "pixel", 1)
    assert list(cfg.views.angles) == [0, 90, 180, 270]
    assert cfg.encoder.tied_stages == ["layer1", "layer2"]
    assert len(cfg.data.classes) == 5
    assert cfg.callbacks.early_stopping.enabled
    assert cfg.scheduler._target_.endswith("plateau")
    assert cfg.unfreezing._target_.endswith("Staged")
    own = ["experiment=c_rmtl_voc2007", f"data.root={root}", "backbone.weights=none"]
    resnet = load([*own, "backbone=resnet18"])
    encoder = build_network(resnet, build_data(resnet).targets).encoder
    assert isinstance(encoder, Branches)
    assert encoder.tied == ("layer1", "layer2")
    result = mtl(
        "train",
        *own,
        "data.workers=0",
        "backbone=small_cnn",
        "backbone.width=4",
        "encoder.tied_stages=[1,2]",
        "image_size=32",
        "batch_size=4",
        "epochs=2",
        "hydra.run.dir=run",
    )
    assert result.code == 0, result.err
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert found["epochs"] == 2
    assert {"test/classification/accuracy", "test/box/iou"} <= set(found["metrics"])


def test_the_general_recipe(mtl, tmp_path: Path) -> None:
    make_cifar(tmp_path)
    own = ["experiment=recipe_vgg16", f"data.root={tmp_path}", f"data.root100={tmp_path}"]
    backbone = load(own).backbone
    assert (backbone._target_, backbone.model) == ("mtl.model.backbone.vgg.VGG", "vgg16")
    result = mtl(
        "train",
        *own,
        "data.verify=false",
        "backbone=small_cnn",
        "backbone.width=4",
        "data.limit=4",
        "batch_size=4",
        "epochs=1",
        "hydra.run.dir=run",
    )
    assert result.code == 0, result.err
    metrics = json.loads((tmp_path / "run" / "results.json").read_text())["metrics"]
    assert {"test/cifar10/accuracy", "test/cifar100/accuracy"} <= set(metrics)
    weights = torch.load(tmp_path / "run/checkpoints/best.ckpt", weights_only=True)["state_dict"]
    assert weights["network.heads.cifar100.layers.layers.1.weight"].shape == (256, 8 * 4)
