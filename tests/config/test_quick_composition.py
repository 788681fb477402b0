"""What the tests compose quickly is what Hydra composes."""

from copy import deepcopy

import hydra
import pytest
from hydra._internal import config_loader_impl, defaults_list
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError
from quick_composition import composing_once, made_of_others, made_of_parts, replaceable
from quick_copies import pickled
from quick_hydra import merging_once
from quick_merge import loading_once

from mtl.config.compose import CONFIG_NAME, initialised, search_path
from mtl.config.finalise import fixed
from mtl.config.many import MadeConfig
from mtl.config.member_files import drop_allowed
from mtl.config.plain_values import NotPlainError, merge_into

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
        ["trainer=gpu", "callbacks=default", "lr=0.5", "tasks=[box]", "hydra.run.dir=here"],
    ],
    ids=" ".join,
)
def test_as_hydra_composes(overrides):
    agree(composing_once(composed)(overrides), composed(overrides), overrides)


def composed_whole(overrides, config_dir=None) -> MadeConfig:
    return MadeConfig.of(composed([*search_path(config_dir), *overrides], config_dir))


@pytest.mark.parametrize(
    "overrides",
    [
        ["encoder=cgc", "fusion=attention", "fusion.exchange=concat", "weighting=pcgrad"],
        ["experiment=split", "encoder=shared", "lr=0.5", "tasks=[box]"],
        ["data=mine", "heads.wind.weight=2", "tasks=[classification,wind]", "name=x"],
        ["data=mine", "epochs=3", "data.train=5", "monitor=val/wind/accuracy"],
    ],
    ids=" ".join,
)
def test_made_of_others_as_hydra_composes(tmp_path, overrides):
    """From what was made before, in another folder that held the same, too."""
    quick = made_of_others(composed_whole)
    for name in ("one", "other"):
        folder = tmp_path / name
        for path, text in (("head/wind", "classification"), ("data/mine", "shapes")):
            (folder / path).parent.mkdir(parents=True)
            (folder / f"{path}.yaml").write_text(f"# Mine.\ndefaults: [{text}, _self_]\n")
        found, wanted = quick(overrides, folder), composed_whole(overrides, folder)
        assert found == wanted
        assert list(found.values) == list(wanted.values)
        quick(["tasks=[box]"], folder)


def own(node):
    return [o for o in node.hydra.overrides.hydra if "searchpath" not in o and "mode" not in o]


def agree(quick, whole, overrides):
    assert list(quick) == list(whole)
    for node in (quick, whole):
        task = node.hydra.overrides.task
        assert sorted([*task, *own(node)]) == sorted(overrides)
        del node.hydra.overrides.task, node.hydra.job.override_dirname
    assert OmegaConf.to_container(quick) == OmegaConf.to_container(whole)
    for group, node in whole.items():
        if group != "hydra" and isinstance(node, DictConfig):
            assert list(quick[group]) == list(node)


@pytest.fixture
def hydras_own(monkeypatch):
    """Without what the session's fixture has put in the place of Hydra's parts."""
    for place, name in (
        (ConfigRepository, "load_config"),
        (config_loader_impl, "create_defaults_list"),
        (config_loader_impl.ConfigLoaderImpl, "_compose_config_from_defaults_list"),
        (defaults_list, "_create_interpolation_map"),
    ):
        monkeypatch.setattr(place, name, getattr(place, name).__wrapped__)


@pytest.mark.parametrize(
    "overrides",
    [
        ["encoder=cgc", "+head@heads.fine=classification", "heads.fine.weight=2", "++a.b={c: 1}"],
        ["experiment=split", "hydra.run.dir=here", "~callbacks.conflict", "tasks=[box]"],
        ["experiment=recipe_vgg16", "data=cifar10_100", "backbone=resnet18", "views=tiles"],
        ["sweep=joblib", "data=voc_folder"],
    ],
    ids=" ".join,
)
def test_merged_once_is_as_hydra_merges(hydras_own, overrides):
    whole = composed(overrides)
    with merging_once():
        for _ in range(2):
            found = composed(overrides)
            assert list(found) == list(whole)
            assert OmegaConf.to_container(found) == OmegaConf.to_container(whole)
            OmegaConf.update(found, "lr", 7)  # what is changed is nobody else's


def test_merged_again_once_a_file_has_changed(tmp_path):
    (tmp_path / "head").mkdir()
    for number in (1, 22):
        text = f"# Mine.\ndefaults: [classification, _self_]\nhidden: {number}\n"
        (tmp_path / "head" / "mine.yaml").write_text(text)
        assert composed(search_path(tmp_path), tmp_path).heads.mine.hidden == number


def test_a_recipe_has_the_last_word_on_its_own_values():
    assert replaceable(["experiment=split", "encoder=shared"], None) == []
    assert replaceable(["data=cifar100", "encoder=cgc"], None) == ["encoder=cgc"]


def test_a_file_is_parsed_again_once_it_has_changed(tmp_path):
    file, read = tmp_path / "a.yaml", []
    places = ConfigSearchPathImpl()
    places.append("mine", str(tmp_path))

    def counted(repository, config_path):
        read.append(config_path)
        return ConfigRepository.load_config(repository, config_path)

    quick, repository = loading_once(counted), ConfigRepository(places)
    for text in ("x: 1\n", "x: 12\n"):
        file.write_text(text)
        for _ in range(2):
            assert OmegaConf.to_yaml(quick(repository, "a").config) == text
    assert read == ["a", "a"]
    assert quick(repository, "b") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": {"b": 1}, "c": [1]}, {"c": [2, 3], "a": {"d": None}, "e": "${c}"}),
        ({"a": {"b": 1}, "c": 1, "d": None}, {"a": None, "c": "???", "d": "???"}),
        ({"a": {"b": 1}, "c": [1], "d": None}, {"a": "???", "c": "???", "d": {"x": {}}}),
        ({"a": {"b": 1}, "c": [1], "d": "???"}, {"a": 1, "c": None, "d": 2}),
        ({"a": "${b}", "b": [1], "c": "${b}"}, {"a": [2, 3], "c": 4}),
    ],
)
def test_plain_values_are_merged_as_nodes_are(old, new):
    whole = OmegaConf.create(old)
    whole.merge_with(new)
    found = deepcopy(old)
    merge_into(found, new)
    assert found == OmegaConf.to_container(whole)
    assert list(found) == list(whole)


@pytest.mark.parametrize("new", [{"a": [1]}, {"b": {"x": 1}}, {"c": {"x": 1}}])
def test_what_is_not_merged_key_by_key_is_left_to_hydra(new):
    with pytest.raises(NotPlainError):
        merge_into({"a": {"x": 1}, "b": [1], "c": "${a}"}, new)


def test_copies_are_those_of_omegaconf():
    copy = getattr(DictConfig.__deepcopy__, "__wrapped__", DictConfig.__deepcopy__)
    cfg = OmegaConf.create({"a": {"b": ["${c}", {"d": "???"}, None]}, "c": 1})
    OmegaConf.set_struct(cfg.a, True)
    for kept in (cfg, cfg.a, OmegaConf.create({"f": lambda: 0}, flags={"allow_objects": True})):
        quick, whole = pickled(copy)(kept, {}), copy(kept, {})
        assert quick == whole == kept
        assert quick is not kept
        assert quick._get_parent() is whole._get_parent() is kept._get_parent()
        assert OmegaConf.is_struct(quick) is OmegaConf.is_struct(kept)
    found = pickled(copy)(cfg.a, {})
    assert found.b[0] == 1
    found.b[1].d = 2
    assert OmegaConf.is_missing(cfg.a.b[1], "d")
    cfg.c = 3
    assert found.b[0] == 3


def test_folders_that_hold_the_same_are_one(tmp_path):
    asked: list[object] = []

    def counted(overrides, config_dir):
        asked.append(config_dir)
        return composed([*search_path(config_dir), *overrides], config_dir)

    quick = composing_once(counted)
    for name in ("one", "other", "third"):
        (tmp_path / name / "head").mkdir(parents=True)
        hidden = 7 if name == "third" else 3
        text = f"# Mine.\ndefaults: [classification, _self_]\nhidden: {hidden}\n"
        (tmp_path / name / "head" / "mine.yaml").write_text(text)
        found, folder = quick(["lr=0.5"], tmp_path / name), tmp_path / name
        assert found.heads.mine.hidden == hidden
        agree(found, composed([*search_path(folder), "lr=0.5"], folder), ["lr=0.5"])
    assert asked == [tmp_path / "one", tmp_path / "third"]


def test_what_is_made_of_parts_is_made_at_once():
    values = {"a": {"b": [1, None, {"c": "x"}]}, "d": 1, "e": [], "f": {}, "g": None, "h": True}
    for changed in (values, values | {"d": True}, values | {"d": 1.0}):
        quick, whole = made_of_parts(fixed)(changed), fixed(changed)
        assert quick == whole
        assert OmegaConf.to_yaml(quick) == OmegaConf.to_yaml(whole)
        quick.a.b[2].c = "y"
        with pytest.raises(ConfigAttributeError, match=r"a\.z"):
            quick.a.z = 1
        assert quick.a.b[2]._get_full_key("c") == "a.b[2].c"
        assert type(quick.d) is type(whole.d)
