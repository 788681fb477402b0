"""What the command says to words that are not quite ours."""

import pytest

from mtl.cli.completion import query
from mtl.config import load
from mtl.config.compose import current_values
from mtl.config.groups import groups, members
from mtl.config.nearest import unknown
from mtl.config.other_words import KEYS, MEMBERS
from mtl.config.unknown_keys import suggestion


@pytest.mark.parametrize(
    "command",
    [
        "train",
        "inspect",
        "doctor",
        "eval",
        "predict",
        "calibrate",
        "export",
        "compare",
        "report",
        "baselines",
        "affinity",
        "channels",
        "split",
        "cache",
    ],
)
def test_keys_given_twice(mtl, command):
    result = mtl(command, "lr=1", "epochs=2", "lr=2")
    assert (result.code, result.err) == (2, "mtl: lr is given twice: lr=1 and lr=2\n")
    result = mtl(command, "run=a", "run=b")
    assert result.err == "mtl: run is given twice: run=a and run=b\n"
    assert "is given twice" in mtl("train", "-m", "seed=1,2", "+seed=3").err


def test_other_tools_words_lead_to_ours():
    """Every suggestion is something that can be written."""
    cfg = load([])
    for word, ours in KEYS.items():
        assert suggestion(word, {}) == f"; did you mean {ours}?"
        assert word not in cfg
        key = ours.partition("=")[0]
        if key not in groups() and not key.startswith("hydra"):
            top = "data" if key == "data.root" else key.split(".")[0]
            assert top in cfg, ours
    for group, words in MEMBERS.items():
        for word, ours in words.items():
            assert word not in members(group)
            assert f"did you mean '{ours}'" in unknown(group, word, members(group))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("imgsz=64", "did you mean image_size=64?"),
        ("model=resnet18", "did you mean backbone=NAME?"),
        ("lr0=0.1", "did you mean lr=1e-3?"),
        ("batch=4", "did you mean batch_size=32?"),
        ("device=cuda", "did you mean trainer=gpu?"),
        ("weighting=uw", "did you mean 'uncertainty'?"),
    ],
)
def test_said_on_the_command_line(mtl, argument, said):
    result = mtl("train", argument)
    assert result.code == 2
    assert said in result.err


def test_options_of_a_member(mtl):
    title, *options = mtl("ls", "weighting/famo").out.splitlines()
    assert title.startswith("# All losses fall by the same share")
    assert options == [
        "rate: 0.025                 # [0<..] learning rate of the weights",
        "decay: 0.001                # [0..] pull towards equal weights",
    ]
    debug = mtl("ls", "trainer/debug").out.splitlines()
    assert (
        "limit_train_batches: 2  # [null | 0<..] batches per epoch, or a part of them; null: all"
        in debug
    )
    assert sum(line.startswith("limit_train_batches") for line in debug) == 1
    assert any(line.startswith("gradient_clip_val: 10.0") for line in debug)
    assert "did you mean 'famo'" in mtl("ls", "weighting/fammo").err
    assert "did you mean 'weighting'" in mtl("ls", "wieghting/famo").err


def test_every_member_has_its_options_listed():
    from mtl.cli.ls import options_of
    from mtl.config.schema import composed_defaults

    for group in ("augmentation", "backbone", "weighting", "scheduler"):
        for name in members(group):
            lines = options_of(group, name, None)
            assert lines[0].startswith("# ")
            assert not any(line.startswith(("_target_", "defaults")) for line in lines)
    keys = set(composed_defaults(("backbone=resnet50",), None)["backbone"]) - {"_target_"}
    listed = {line.partition(":")[0] for line in options_of("backbone", "resnet50", None)[1:]}
    assert keys == listed


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("mtl train tasks=[bo", ["tasks=[box]"]),
        ("mtl train tasks=[box,det", ["tasks=[box,detection]"]),
        ("mtl eval run=x split=", ["split=test", "split=val"]),
        ("mtl inspect split=tr", ["split=train"]),
        ("mtl split data=voc_folder over", ["overwrite=true"]),
        ("mtl cache ", ["data.cache_dir=", "clear=true"]),
    ],
)
def test_completion_of_tasks_splits_and_own_words(line, choices):
    assert query(line) == choices


def test_completion_hides_parts_of_members():
    found = query("mtl train data=")
    assert "data=shapes" in found
    assert not any(name.startswith("data=_") for name in found)


def test_no_suggestion_shows_an_interpolation(mtl):
    assert mtl("inspect", "data.image_size=32").err == (
        "mtl: unknown key 'data.image_size'; did you mean image_size=64?\n"
    )
    values = current_values([])
    assert values["tasks"] == ["classification", "detection", "segmentation"]
    assert values["hydra.sweep.dir"] == "outputs/sweeps/shapes"
    assert [key for key, value in values.items() if "${" in str(value)] == []


def test_no_listed_option_shows_an_interpolation():
    from mtl.cli.ls import options_of

    listed = {
        f"{group}/{name}": "\n".join(options_of(group, name, None))
        for group in groups()
        for name in members(group)
    }
    assert "\nmean: (backbone.mean)  # [1.. of 0..1]\n" in listed["preprocess/standard"]
    assert [name for name, text in listed.items() if "${" in text] == []
