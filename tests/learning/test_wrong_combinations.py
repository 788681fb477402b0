"""Parts that don't go together are refused in one line before anything trains."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.learning.build import build_callbacks, build_module
from mtl.model.build import build_network

pytestmark = pytest.mark.slow

CASES = {
    "views=rotations": "4 views or branches reach the heads and nothing combines them",
    "views=tiles fusion=mean tasks=[classification,detection]": "task detection: views=tiles cut",
    "views=tiles ensemble=mean tasks=[classification,box]": "task box: fusion=none leaves tiles",
    "views=rotations views.angles=[0,90,450] fusion=mean": "views.angles",
    "views=rotations encoder=siamese": "views=rotations views.angles=[0,90]",
    "views=rotations views.angles=[0,90,180] encoder=branches": "3 views can't be dealt",
    "encoder=branches encoder.tied_stages=[layer2] ensemble=mean": "no stage 'layer2'",
    "encoder=branches encoder.tied_stages=[7] ensemble=mean": "no stage 7; the backbone has 4",
    "encoder=branches encoder.backbones=[resnet18] ensemble=mean": "encoder.backbones names 1",
    "encoder=branches encoder.backbones=[resnet18,small] ensemble=mean": "encoder.backbones",
    "encoder=multi_branch encoder.at=layer4": "encoder.at=layer4",
    "encoder=mmoe encoder.experts=0": "encoder.experts=0",
    "encoder=cross_stitch encoder.stages=[stage9]": "encoder.stages=stage9",
    "ensemble=vote": "a vote needs at least 2",
    "ensemble=weighted ensemble.weights=[0.2,0.9] encoder=branches": "the sum is 1.1",
    "ensemble=weighted ensemble.weights=[0.5,0.25,0.25] encoder=branches": "3 weights for 2",
    "ensemble=weighted ensemble.weights=[1.5,-0.5] encoder=branches": "ensemble.weights",
    "fusion.exchange=gossip": "fusion.exchange=gossip",
    "unfreezing=staged unfreezing.at={layer9:2}": "layer9",
    "optimizer.stage_factors={layer9:0.1}": "layer9",
    "weighting=fairgrad weighting.alpha=0": "weighting.alpha=0: must be greater than 0",
    "weighting=db_mtl weighting.beta=1": "weighting.beta=1: must be less than 1",
    "backbone.rotation=kernels": "backbone.rotation=kernels",
}


def build(line: str) -> None:
    cfg = load(["data.train=4", "data.val=2", "data.test=2", *line.split()])
    module = build_module(cfg, build_network(cfg, build_data(cfg).targets))
    trainer = SimpleNamespace(max_epochs=cfg.epochs)
    build_callbacks(cfg)[0].setup(trainer, module, "fit")  # type: ignore[arg-type]


@pytest.mark.parametrize(("line", "message"), CASES.items())
def test_refused(line: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        build(line)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_refused_run_leaves_nothing_behind(mtl, tmp_path: Path) -> None:
    small = ["data.train=4", "data.val=2", "data.test=2", "hydra.run.dir=run"]
    refused = ["encoder=branches", "encoder.tied_stages=[layer9]", "ensemble=mean", *small]
    assert mtl("train", *refused).code == 2
    assert mtl("train", "unfreezing=frozen", "unfreezing.stages=[layer9]", *small).code == 2
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    assert mtl("train", *refused).code == 2
    assert (tmp_path / "run" / "mine.txt").read_text() == "keep"
