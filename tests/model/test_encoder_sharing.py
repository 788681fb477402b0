"""What holds for each of per_task, branches, multi_branch and siamese."""

from functools import lru_cache
from pathlib import Path

import pytest
import torch
from branch_kit import SMALL, TASKS, images, write_views
from omegaconf import DictConfig
from training_kit import Recorder, fit

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.learning.gradients.reach import layout
from mtl.learning.optimizer.groups import parameter_groups
from mtl.learning.weighting.equal import Equal
from mtl.model.backbone.base import Backbone
from mtl.model.build import build_network
from mtl.model.network import Network

WIDTHS = "{name: small_cnn, width: 4},{name: small_cnn, width: 5}"
CASES = {
    "per_task": ["encoder=per_task"],
    "two_each": ["encoder=per_task", "encoder.networks=2", "ensemble=mean"],
    "branches": ["encoder=branches", "encoder.tied_stages=[stage1]", "ensemble=mean"],
    "dealt": ["encoder=branches", "views=turned", "encoder.tied_stages=[stem]", "ensemble=mean"],
    "different": ["encoder=branches", f"encoder.backbones=[{WIDTHS}]", "ensemble=mean"],
    "multi_branch": ["encoder=multi_branch", "encoder.at=stage2"],
    "siamese": ["encoder=siamese", "views=turned"],
}
STREAMS = {"two_each": 2, "branches": 2, "dealt": 2, "different": 2}


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_views(tmp_path_factory.mktemp("conf"))


@lru_cache
def config(conf: Path, case: str) -> DictConfig:
    return load([*SMALL, *CASES[case]], conf)


def network_of(cfg: DictConfig) -> Network:
    torch.manual_seed(0)
    return build_network(cfg, build_data(cfg).targets)


@pytest.mark.parametrize("case", CASES)
def test_features_are_what_feature_stages_say(conf: Path, case: str) -> None:
    network = network_of(config(conf, case)).eval()
    encoder = network.encoder
    with torch.no_grad():
        found = encoder(network.views(images(3)))
    assert list(found) == TASKS
    assert len(encoder.streams) == STREAMS.get(case, 1)
    for features in found.values():
        assert {s: tuple(f.shape) for s, f in features.items()} == {
            s.stride: (len(encoder.streams) * 3, s.channels, 32 // s.stride, 32 // s.stride)
            for s in encoder.feature_stages
        }


@pytest.mark.parametrize("case", CASES)
def test_reach_is_where_gradients_are_not_zero(conf: Path, case: str) -> None:
    network = network_of(config(conf, case))
    encoder = network.encoder
    measured = {id(entry.parameter): set(entry.tasks) for entry in layout(network, 32)}
    parameters = dict(encoder.named_parameters())
    views = encoder.view_count
    reached: dict[str, set[str]] = {name: set() for name in parameters}
    for task in TASKS:
        features = encoder(images(2 * views))[task]
        torch.stack([f.square().sum() for f in features.values()]).sum().backward()
        for name, parameter in parameters.items():
            if parameter.grad is not None and bool(parameter.grad.abs().sum() > 0):
                reached[name].add(task)
            parameter.grad = None
    # Some heads read fewer maps than all.
    assert all(measured[id(p)] <= reached[name] for name, p in parameters.items())
    assert any(measured[id(p)] == reached[name] for name, p in parameters.items())


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_belongs_to_a_stage_and_one_named_group(conf: Path, case: str) -> None:
    network = network_of(config(conf, case))
    encoder = network.encoder
    known = {stage.name for stage in encoder.description} | {"encoder"}
    stages = {name: encoder.stage_of(name) for name, _ in encoder.named_parameters()}
    assert set(stages.values()) <= known
    assert set(stages.values()) >= {stage.name for stage in encoder.description}
    groups = parameter_groups(network, Equal(TASKS), 1e-3, 1.0, 0.0, decay_vectors=False)
    held = [id(p) for group in groups for p in group["params"]]
    assert len(held) == len(set(held)) == len(list(network.parameters()))
    names = {name.removesuffix(".vectors") for name in (str(g["name"]) for g in groups)}
    wanted = {f"backbone.{s}" for s in stages.values() if s != "encoder"}
    assert names - {"heads", "encoder"} == wanted


@pytest.mark.parametrize("case", CASES)
def test_one_step_of_training(conf: Path, tmp_path: Path, case: str) -> None:
    """All stages move, and the weights load into a fresh network of the same configuration."""
    cfg = config(conf, case)
    recorder = Recorder()
    module, _ = fit(cfg, tmp_path, recorder)
    first, last = recorder.weights
    moved = {
        module.network.encoder.stage_of(name.removeprefix("network.encoder."))
        for name, _ in module.named_parameters()
        if name.startswith("network.encoder.") and not torch.equal(first[name], last[name])
    }
    assert moved >= {stage.name for stage in module.network.encoder.description}
    fresh = network_of(cfg)
    fresh.load_state_dict({k.removeprefix("network."): v for k, v in last.items()})
    image = images(2)
    for task, raw in fresh.eval()(image).items():
        torch.testing.assert_close(raw, module.network.eval()(image)[task])


@pytest.mark.parametrize("case", ["dealt", "siamese"])
def test_checkpointing_reaches_every_backbone_and_changes_nothing(conf: Path, case: str) -> None:
    gradients = []
    for kept in (False, True):
        cfg = config(conf, case).copy()
        cfg.views.checkpointing = kept
        network = network_of(cfg)
        backbones = [m for m in network.modules() if isinstance(m, Backbone)]
        assert {b.checkpointing for b in backbones} == {kept}
        network(images(2))["segmentation"].sum().backward()
        named = network.encoder.named_parameters()
        gradients.append({n: p.grad for n, p in named if p.grad is not None})
    assert gradients[0]
    torch.testing.assert_close(gradients[0], gradients[1])


def test_without_normalised_batches_a_sample_is_alone(conf: Path) -> None:
    """The streams of one sample don't move to another: order in, order out."""
    for case in ("two_each", "dealt", "siamese", "multi_branch"):
        network = network_of(config(conf, case)).eval()
        image, order = images(3), torch.tensor([2, 0, 1])
        whole, turned = network.predict(image), network.predict(image[order])
        torch.testing.assert_close(whole["classification"][order], turned["classification"])
