from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl.config import load
from mtl.config.groups import choices, describe, groups, members, short_keys
from mtl.config.job_name import job_name
from mtl.config.paths import conf_dir
from mtl.errors import UserError

pytestmark = pytest.mark.slow

HEAD = """# Depth for every pixel.
_target_: mine.Wind
kind: mask
target: null
weight: 1.0
metrics: [delta1]
larger_is_better: {delta1: [0, 1]}
"""


@pytest.fixture
def user_dir(tmp_path: Path) -> Path:
    """A user's folder with a head and an experiment of its own."""
    for group in ("head", "experiment"):
        (tmp_path / group).mkdir()
    (tmp_path / "head" / "wind.yaml").write_text(HEAD)
    return tmp_path


def experiment(folder: Path, text: str) -> None:
    (folder / "experiment" / "mine.yaml").write_text(f"# @package _global_\n# Mine.\n{text}")


def test_defaults_are_plain_and_only_of_the_chosen_tasks():
    cfg = load(["tasks=[box,classification]"])
    assert list(cfg.heads) == ["box", "classification"]
    assert cfg.heads.box.target == "boxes"
    assert cfg.heads.classification.target == "label"
    assert "hydra" not in cfg
    assert "${" not in OmegaConf.to_yaml(cfg, resolve=False)
    assert cfg.preprocess.mean == cfg.backbone.mean


def test_target_named_like_the_task_is_taken():
    cfg = load(["data=cifar100"], needs_data=False)
    assert [cfg.heads[task].target for task in cfg.tasks] == ["fine", "coarse"]


def test_ambiguous_target_is_asked_for():
    with pytest.raises(UserError, match=r"fine, coarse: choose by heads\.classification\.target="):
        load(["data=cifar100", "tasks=[classification]"], needs_data=False)
    cfg = load(
        ["data=cifar100", "tasks=[classification]", "heads.classification.target=coarse"],
        needs_data=False,
    )
    assert cfg.heads.classification.target == "coarse"


def test_two_heads_of_one_kind():
    cfg = load(
        [
            "head@heads.one=classification",
            "head@heads.two=classification",
            "tasks=[one,two]",
            "heads.two.weight=2",
        ]
    )
    assert cfg.heads.one.weight == 1.0
    assert cfg.heads.two.weight == 2
    assert cfg.heads.one.target == cfg.heads.two.target == "label"


def test_head_of_the_data_is_replaced_without_plus():
    cfg = load(
        ["data=cifar100", "head@heads.fine=classification", "heads.fine.dropout=0.5"],
        needs_data=False,
    )
    assert cfg.heads.fine.dropout == 0.5
    assert list(cfg.heads) == ["fine", "coarse"]


def test_head_from_the_users_folder(user_dir):
    cfg = load(["tasks=[wind]"], user_dir)
    assert cfg.heads.wind._target_ == "mine.Wind"
    with pytest.raises(UserError, match="no head 'wind'"):
        load(["tasks=[wind]"])


def test_experiment_of_the_user(user_dir):
    experiment(user_dir, "defaults:\n  - override /scheduler: plateau\nepochs: 3\n")
    cfg = load(["experiment=mine"], user_dir)
    assert cfg.epochs == 3
    assert cfg.scheduler._target_.startswith("mtl.learning.scheduler.plateau")
    assert load(["experiment=mine", "epochs=4"], user_dir).epochs == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epohcs: 3\n", "unknown key 'epohcs'; did you mean epochs=10"),
        ("heads: {box: {wieght: 2}}\n", "unknown key 'heads.box.wieght'"),
        ("callbacks: {ema: {dekay: 0.9}}\n", "callbacks.ema.decay"),
        ("epochs: many\n", "epochs=many: must be a whole number"),
        ("epochs: [\n", "mine.yaml: line"),
        ("defaults:\n  - override /backbone: resnt18\n", "no backbone 'resnt18'"),
        ("defaults:\n  - override /bakbone: resnet18\n", "bakbone"),
        ("lr: ${learning_rate}\n", "lr: Interpolation key 'learning_rate' not found"),
    ],
)
def test_mistakes_in_an_experiment(user_dir, text, said):
    experiment(user_dir, text)
    with pytest.raises(UserError) as error:
        load(["experiment=mine"], user_dir)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_value_that_has_to_be_given(user_dir):
    (user_dir / "data").mkdir()
    (user_dir / "data" / "mine.yaml").write_text(
        "# Mine.\ndefaults: [shapes, _self_]\nsecret: ???\n"
    )
    with pytest.raises(UserError, match=r"data\.secret is needed: write data\.secret=\.\.\."):
        load(["data=mine"], user_dir)
    assert load(["data=mine", "data.secret=3"], user_dir).data.secret == 3


def test_numbers_become_text_and_whole_numbers_may_be_real():
    cfg = load(["name=2024", "lr=1", "data.workers=2", "backbone.weights=none"])
    assert cfg.name == "2024"
    assert cfg.lr == 1
    assert cfg.data.workers == 2


def test_every_member_composes_and_passes_the_checks():
    others = ("head", "experiment", "sweep", "compression", "study")
    rest = {g: list(members(g)) for g in groups() if g not in others}
    # Of weightings, many more than of anything else, the contracts compose every one.
    for i in range(max(len(names) for group, names in rest.items() if group != "weighting")):
        chosen = [f"{g}={names[min(i, len(names) - 1)]}" for g, names in rest.items()]
        needed = ["ensemble.weights=[0.5,0.5]"] if "ensemble=weighted" in chosen else []
        needed += ["init.run=there"] if "init=run" in chosen else []
        if {"data=mixed", "data=joined"} & set(chosen):
            needed += ["data@data.sets.one=shapes", "tasks=[classification]"]
        load([*chosen, *needed], None, False)


def test_every_experiment_and_head_passes_the_checks():
    for name in members("experiment"):
        load([f"experiment={name}"], needs_data=False)
    every_kind = Path(__file__).parents[1] / "conf"
    for name in members("head"):
        load(["data=every_kind", f"tasks=[{name}]"], every_kind)


def test_files_describe_themselves():
    for group in groups():
        assert choices()[group].description, group
        for name, file in members(group).items():
            assert describe(file).endswith("."), f"{group}/{name}"
    assert list(short_keys())[:4] == ["name", "seed", "tasks", "epochs"]


def test_conf_dir_is_the_checkouts():
    assert (conf_dir() / "config.yaml").is_file()


@pytest.mark.parametrize(
    ("overrides", "not_swept", "name"),
    [
        (["backbone=resnet18", "lr=0.01"], [], "backbone-resnet18_lr-0.01"),
        (["backbone=resnet18", "lr=0.01"], ["lr"], "backbone-resnet18"),
        (["weighting=equal", "seed=3", "lr=1"], [], "lr-1_weighting-equal_seed-3"),
        (["tasks=[box]"], [], "tasks-box"),
        (["tasks=[classification, box]"], [], "tasks-classification+box"),
        (["+head@heads.fine=box"], [], "head-heads.fine-box"),
        (["lr=1"], ["lr"], "job"),
    ],
)
def test_job_names(overrides, not_swept, name):
    assert job_name(overrides, not_swept) == name


def test_job_names_stay_distinct_where_characters_get_lost():
    one, two = (job_name([f"data.root={path}"], []) for path in ("/a/b", "/a-b"))
    assert one != two
    assert "/" not in one + two
    assert len(job_name([f"name={'x' * 500}"], [])) < 255
