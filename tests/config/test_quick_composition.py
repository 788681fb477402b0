"""What the tests compose quickly is what Hydra composes."""

import hydra
import pytest
from hydra.plugins.config_source import ConfigLoadError
from omegaconf import DictConfig, OmegaConf
from quick_composition import composing_once, files, reading_once, replaceable

from mtl.config.compose import CONFIG_NAME, initialised
from mtl.config.member_files import drop_allowed

pytestmark = pytest.mark.slow


def composed(overrides, config_dir=None) -> DictConfig:
    with initialised(config_dir):
        cfg = hydra.compose(CONFIG_NAME, list(overrides), return_hydra_config=True)
    drop_allowed(cfg)
    return cfg


@pytest.mark.parametrize(
    "overrides",
    [
        ["encoder=cgc", "fusion=attention", "fusion.exchange=concat", "weighting=pcgrad"],
        ["data=voc_folder", "backbone=efficientnet_lite0", "backbone.weights=none", "views=tiles"],
        ["experiment=split", "encoder=shared"],
        ["trainer=gpu", "callbacks=default", "lr=0.5", "tasks=[box]"],
    ],
    ids=" ".join,
)
def test_as_hydra_composes(overrides):
    quick, whole = composing_once(composed)(overrides), composed(overrides)
    assert list(quick) == list(whole)
    for node in (quick, whole):
        task = node.hydra.overrides.task
        assert sorted(task) == sorted(overrides)
        del node.hydra.overrides.task, node.hydra.job.override_dirname
    assert OmegaConf.to_container(quick) == OmegaConf.to_container(whole)
    for group, node in whole.items():
        if group != "hydra" and isinstance(node, DictConfig):
            assert list(quick[group]) == list(node)


def test_a_recipe_has_the_last_word_on_its_own_values():
    assert replaceable(["experiment=split", "encoder=shared"], None) == []
    assert replaceable(["data=cifar100", "encoder=cgc"], None) == ["encoder=cgc"]


def test_a_file_is_parsed_again_once_it_has_changed(tmp_path):
    file, read = tmp_path / "a.yaml", []

    def counted(source, config_path):
        read.append(config_path)
        return files().load_config(source, config_path)

    quick, source = reading_once(counted), files()("mine", str(tmp_path))
    for text in ("x: 1\n", "x: 12\n"):
        file.write_text(text)
        for _ in range(2):
            found = quick(source, "a").config
            assert OmegaConf.to_yaml(found) == text
            found.x = 0
    assert read == ["a", "a"]
    with pytest.raises(ConfigLoadError):
        quick(source, "b")
