"""What a user's own yaml files say about their options."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl.cli.completion import query
from mtl.config import load, open_run
from mtl.config.allowed import Chosen
from mtl.errors import UserError

SMALL_CNN = "mtl.model.backbone.small_cnn.SmallCNN"
NODE = {"_target_": SMALL_CNN, "width": 24}
OURS = {"width": "whole 1..", "depth": "whole 1..", "stem_stride": "1 | 2"}
FILES = {
    "head/likeness": (
        "# Own losses.\n_target_: mine.Likeness\nkind: label\ntarget: null\nweight: 1.0\n"
        "metrics: [top1]\nlarger_is_better: {top1: [0, 1]}\nloss: l1\nmargin: 0.5\n"
        "name: {first: 1}\n_allowed_:\n  loss: l1 | l2\n  margin: 0<..\n  name.first: whole 1..\n"
    ),
    "head/closer": "# Builds on it.\ndefaults: [likeness, _self_]\n_target_: mine.Closer\n"
    "loss: l3\n_allowed_: {loss: l3 | l4}\n",
    "data/listed": (
        "# From a list.\ndefaults: [_common, _self_]\n_target_: mine.Listed\n"
        "targets: {label: label}\nsuggested: {name: x, tasks: [likeness], image_size: 64}\n"
        "train: file.csv\nval: 0.25\n"
    ),
    "backbone/narrow": "# Narrow.\ndefaults: [small_cnn, _self_]\nwidth: 4\ndepth: 2\n"
    "_allowed_: {width: whole 1..8}\n",
    "callbacks/mine": "# With one more.\ndefaults: [default, _self_]\nmine:\n"
    "  _target_: mine.Callback\n  every: epoch\n  share: 0.5\n  _allowed_: {share: 0..1}\n",
}
MINE = ["data=listed", "tasks=[likeness]", "callbacks=mine", "backbone=narrow"]
BRANCHES = ["encoder=branches", "encoder.backbones=[{name: narrow, width: 9}]"]


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("conf"), FILES)


def test_options_of_others_have_other_rules(conf: Path) -> None:
    """``loss``, ``train``, ``val`` and ``every`` of the package's members may be other things."""
    cfg = load([*MINE, "data.train=other.csv"], conf)
    assert (cfg.heads.likeness.loss, cfg.data.train) == ("l1", "other.csv")
    assert "_allowed_" not in OmegaConf.to_yaml(cfg)
    assert load(MINE[:3], conf).backbone.width == 24


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["heads.likeness.loss=l3"], "heads.likeness.loss=l3: must be one of l1, l2"),
        (["heads.likeness.margin=0"], "heads.likeness.margin=0: must be greater than 0"),
        (["heads.likeness.name.first=0"], "heads.likeness.name.first=0: must be at least 1"),
        (["head@heads.b=likeness", "tasks=[b]", "heads.b.margin=-1"], "heads.b.margin=-1: must"),
        (["tasks=[closer]", "heads.closer.loss=l1"], "heads.closer.loss=l1: must be one of l3, l4"),
        (["tasks=[closer]", "heads.closer.margin=0"], "heads.closer.margin=0: must be greater"),
        (["callbacks.mine.share=2"], "callbacks.mine.share=2: must be at"),
        (["callbacks.ema.decay=2"], "callbacks.ema.decay=2: must be greater"),
        (["data.train=[1]"], "data.train=[1]: must be text"),
        (["backbone.width=9"], "backbone.width=9: must be at least 1 and at mo"),
        (["backbone.width=24"], "backbone.width=24: must be at least 1 and at"),
        (BRANCHES, "backbone.width=9: must be at least 1 and at most 8"),
        (["backbone.depth=0"], "backbone.depth=0: must be at least 1"),
        (["backbone._allowed_.width=any"], "is said in its file alone"),
    ],
)  # fmt: skip
def test_refused(conf: Path, overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as error:
        load([*MINE, *overrides], conf)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_trained_run_is_held_to_them_again(conf: Path, tmp_path: Path) -> None:
    """A member is found again by its values; of a trusted module alone nothing is known."""
    cfg = load(MINE, conf)
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
    assert open_run(tmp_path, config_dir=conf, trust=["mine"]) == cfg
    for override, said in (
        ("heads.likeness.loss=l3", "must be one of l1, l2"),
        ("callbacks.mine.share=2", "must be at least 0 and at most 1"),
        ("callbacks.ema.decay=2", "must be greater than 0 and less than 1"),
        ("backbone.width=9", "must be at least 1 and at most 8"),
        ("heads.likeness._allowed_.loss=l3", "is said in its file alone"),
    ):
        with pytest.raises(UserError, match=said):
            open_run(tmp_path, [override], conf, trust=["mine"])
    opened = open_run(tmp_path, ["heads.likeness.loss=l3"], trust=["mine"])
    assert opened.heads.likeness.loss == "l3"
    with pytest.raises(UserError, match=r"backbone\.width=0: must be at least 1"):
        open_run(tmp_path, ["backbone.width=0"], trust=["mine"])


@pytest.mark.slow
def test_a_strangers_folder_switches_nothing_off(tmp_path: Path) -> None:
    """Neither what it says itself counts, nor a class that is no text; nothing crashes."""
    cfg = load(["tasks=[box]", "encoder=branches", "encoder.backbones=[small_cnn,small_cnn]"])
    OmegaConf.set_struct(cfg, False)
    file = tmp_path / "config.yaml"
    for key, value, said in (
        ("heads.box._allowed_", {"grid": "any"}, r"heads\.box\.grid=0: must be at least 1"),
        ("_allowed_", {"heads.box.grid": "any"}, r"heads\.box\.grid=0: must be at least 1"),
        ("heads.box._target_", "", "is no name of a class"),
        ("heads.box._target_", {"a": 1}, "nothing is made there"),
        ("encoder.backbones", [{**cfg.backbone, "width": 0}] * 2, r"backbones\[0\]\.width=0: must"),
    ):
        changed = cfg.copy()
        OmegaConf.update(changed, key, value, merge=False, force_add=True)
        file.write_text(OmegaConf.to_yaml(changed))
        with pytest.raises(UserError, match=said) as error:
            open_run(tmp_path, ["heads.box.grid=0"] if "grid" in said else [])
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("_allowed_: {widht: 1..}", "_allowed_: no option 'widht'; did you mean 'width'?"),
        ("_allowed_: {width: 1-8}", "_allowed_.width: '1-8' says nothing about values"),
        ("_allowed_: {width: [1, 8]}", "_allowed_.width: '[1,8]' says nothing about values"),
        ("_allowed_: {width: {}}", "_allowed_.width: '{}' says nothing about values"),
        ("_allowed_: whole 1..", "_allowed_ must map options to what they may be"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, {"backbone/mine": f"# Mine.\ndefaults: [small_cnn, _self_]\n{text}\n"})
    with pytest.raises(UserError) as error:
        Chosen(tmp_path, {"backbone": "mine"}).allowed("backbone.", NODE)
    assert str(error.value).startswith(f"{tmp_path / 'backbone' / 'mine.yaml'}: {said}")
    # Who has not chosen it isn't bothered.
    assert Chosen(tmp_path).allowed("backbone.", NODE) == OURS


def test_a_recipe_that_says_it_is_refused(tmp_path: Path) -> None:
    """It would hold for nothing, as no option is the recipe's own."""
    recipe = (
        "# Mine.\n# @package _global_\nbackbone:\n  width: 8\n  _allowed_: {width: whole 1..8}\n"
    )
    write(tmp_path, {"experiment/mine": recipe})
    with pytest.raises(UserError) as error:
        load(["experiment=mine"], tmp_path)
    file = tmp_path / "experiment" / "mine.yaml"
    said = "_allowed_ belongs in the file of the member it is about"
    assert str(error.value) == f"{file}: {said}"


def test_files_that_nobody_chose_do_no_harm(tmp_path: Path) -> None:
    """Unreadable, in a ring, or of another class than what they build on."""
    write(
        tmp_path,
        {
            "backbone/broken": f"_target_: {SMALL_CNN}\nwidth: [\n",
            "backbone/ring": f"defaults: [ring2, _self_]\n_target_: {SMALL_CNN}\n",
            "backbone/ring2": "defaults: [ring, _self_]\n",
            "backbone/other": (
                "defaults: [small_cnn, _self_]\n_target_: mine.Other\n_allowed_: {width: any}\n"
            ),
        },
    )
    (tmp_path / "backbone" / "bytes.yaml").write_bytes(b"_target_: \xff\n")
    mine = Chosen(tmp_path)
    assert mine.allowed("backbone.", NODE) == mine.allowed("encoder.backbones[1].", NODE) == OURS
    other = {"_target_": "mine.Other"}
    assert mine.allowed("backbone.", other) == OURS | {"width": "any"}
    for nobodys in ({"_target_": "mine.Nobodys"}, {"_target_": {"a": 1}}, {"_target_": None}):
        assert mine.allowed("backbone.", nobodys) == {}
    assert mine.allowed("../backbone.", NODE) == mine.allowed("nowhere.", NODE) == {}


def test_a_class_put_in_place_of_the_members_own_has_its_own_rules(conf: Path) -> None:
    chosen = Chosen(conf, {"backbone": "small_cnn", "callbacks": "mine"})
    resnet = {"_target_": "mtl.model.backbone.resnet.ResNet"}
    assert chosen.allowed("backbone.", resnet) == {"model": "text", "stem": "imagenet | cifar"}
    ema = {"_target_": "mtl.learning.callbacks.ema.ExponentialAverage"}
    assert chosen.allowed("callbacks.ema.", ema) == {"decay": "0<..<1"}
    # One that the command line added.
    assert chosen.allowed("callbacks.another.", ema) == {"decay": "0<..<1"}


def test_shown_beside_the_options_and_nowhere_else(mtl, conf: Path) -> None:
    listed = mtl("ls", "head/closer", "callbacks/mine", "--config-dir", str(conf)).out
    assert "weight: 1.0  # [0..]" in listed
    assert "loss: l3  # [l3 | l4]" in listed
    assert "margin: 0.5  # [0<..]" in listed
    assert "  share: 0.5  # [0..1]" in listed
    assert "  every: 50           # [whole 1..] steps from one look" in listed
    assert "_allowed_" not in listed
    light = mtl("ls", "augmentation/light").out
    assert "hflip: 0.5  # [0..1] probability\n" in light
    for words in ("mtl train backbone.", "mtl train heads.box._"):
        assert not any("_allowed_" in found for found in query(words))
