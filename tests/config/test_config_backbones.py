"""``encoder.backbones``: names written out as whole nodes of the configuration."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl.config import load, open_run
from mtl.config.backbones import without_first_weights, write_out
from mtl.errors import UserError
from mtl.runs.prediction.saved_run import open_without_data

BRANCHES = ["encoder=branches", "tasks=[classification]"]


@pytest.mark.slow
def test_names_become_nodes() -> None:
    cfg = load([*BRANCHES, "encoder.backbones=[resnet18,{name: small_cnn, width: 6}]"])
    first, second = cfg.encoder.backbones
    assert (first["_target_"], first.model) == ("mtl.model.backbone.resnet.ResNet", "resnet18")
    assert (second["_target_"], second.width) == ("mtl.model.backbone.small_cnn.SmallCNN", 6)
    assert "name" not in second
    node = OmegaConf.to_container(cfg.encoder)
    assert write_out(node, None) == node
    assert load(["tasks=[classification]"]).encoder == {
        "_target_": "mtl.model.encoder.shared.Shared"
    }


@pytest.mark.slow
def test_saved_run_opens_as_it_was(tmp_path: Path) -> None:
    """Also where the members that it was made with and their weights are gone."""
    conf, run = tmp_path / "conf", tmp_path / "run"
    (conf / "backbone").mkdir(parents=True)
    run.mkdir()
    weights = tmp_path / "first.pt"
    weights.touch()
    mine = conf / "backbone" / "mine.yaml"
    mine.write_text(f"# Mine.\ndefaults: [small_cnn, _self_]\nwidth: 5\nweights: {weights}\n")
    cfg = load([*BRANCHES, "encoder.backbones=[mine,small_cnn]"], conf)
    (run / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
    assert open_run(run, config_dir=conf) == cfg
    mine.unlink()
    weights.unlink()
    opened = open_without_data(run)
    assert opened.encoder.backbones[0].width == 5
    assert opened.encoder.backbones[0].weights == "none"
    with pytest.raises(UserError, match=r"backbone.weights=.*first.pt: must be none"):
        open_run(run)
    other = open_without_data(run, ["encoder.backbones=[small_cnn,resnet18]"])
    assert other.encoder.backbones[1].model == "resnet18"


def test_first_weights_are_left_out() -> None:
    options = "encoder.backbones=[{name: resnet18, weights: imagenet},small_cnn]"
    cfg = load([*BRANCHES, "backbone=resnet18", "backbone.weights=imagenet", options])
    assert cfg.encoder.backbones[0].weights == "imagenet"
    without_first_weights(cfg)
    assert cfg.backbone.weights == cfg.encoder.backbones[0].weights == "none"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[resnt18,small_cnn]", "encoder.backbones: no backbone 'resnt18'; did you mean 'resnet"),
        ("[{width: 3},small_cnn]", "encoder.backbones: {'width': 3} has no name; there are "),
        ("[{name: small_cnn, wdth: 3}]", "unknown key 'backbone.wdth'; did you mean backbone.wid"),
        ("[{name: small_cnn, width: 0}]", "backbone.width=0: must be at least 1"),
        ("[{name: small_cnn, weights: x.pt}]", "backbone.weights=x.pt: must be none, imagenet or"),
        ("resnet18", "encoder.backbones=resnet18: must be a list"),
    ],
)  # fmt: skip
def test_refused(value: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        load([*BRANCHES, f"encoder.backbones={value}"])
    assert said in str(error.value)


def test_image_must_suit_every_branch() -> None:
    with pytest.raises(UserError, match=r"^image_size=16: must be at least 32"):
        load([*BRANCHES, "image_size=16", "encoder.backbones=[small_cnn,resnet18]"])
