"""Settings that follow from others name no run."""

import pytest
from made_up_runs import config, write_run

from mtl.config.load import load
from mtl.config.schema import resolved
from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.compare.following import following
from mtl.runs.compare.member_names import MemberNames
from mtl.runs.page.data import page_data
from mtl.runs.page.sections.configuration import configuration

SMALL = {"_target_": "mtl.model.backbone.small_cnn.SmallCNN", "mean": [0.5] * 3, "std": [0.25] * 3}
RESNET = {
    "_target_": "mtl.model.backbone.resnet.ResNet",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "model": "resnet18",
}
STANDARD = {"_target_": "mtl.data.preprocess.standard.Standard", "fit": "stretch"}


def normalised(backbone: dict, **own) -> dict:
    """A configuration whose images are normalised for its backbone, unless ``own`` says how."""
    statistics = {key: [*backbone[key]] for key in ("mean", "std")}
    return {
        **config(0),
        "backbone": dict(backbone),
        "preprocess": {**STANDARD, **statistics, **own},
    }


def rows_of(folder, *configs):
    for place, values in enumerate(configs):
        write_run(folder / str(place), values, {"box/iou": 0.5}, started=f"2026-01-0{place + 1}")
    return compare(find_runs([folder]))


def test_statistics_of_a_backbone_do_not_name_its_runs(tmp_path):
    found = rows_of(tmp_path, normalised(SMALL), normalised(RESNET))
    assert found.columns == ("backbone",)
    assert [row.name for row in found.rows] == ["small_cnn", "resnet18"]
    table, _ = configuration(page_data(found)).parts
    keys = [row[0].text for row in table.rows]
    assert {"backbone.mean", "backbone.std"} <= {*keys}
    assert not any(key.startswith("preprocess.") for key in keys)
    assert [column.title for column in table.columns[1:]] == ["small_cnn", "resnet18"]


def test_what_was_given_in_their_place_names_them(tmp_path):
    found = rows_of(tmp_path, normalised(SMALL), normalised(SMALL, mean=[0.1, 0.1, 0.1]))
    assert [row.name for row in found.rows] == ["mean=[0.5,0.5,0.5]", "mean=[0.1,0.1,0.1]"]


def test_members_of_one_class_are_told_apart_by_what_refers_to_others(tmp_path):
    plain = normalised(SMALL, mean=[0.0] * 3, std=[1.0] * 3)
    found = rows_of(tmp_path, normalised(SMALL), plain, normalised(RESNET))
    assert found.columns[:2] == ("backbone", "preprocess")
    assert [(row.settings["preprocess"], row.settings["backbone"]) for row in found.rows] == [
        *(("standard", "small_cnn"), ("none", "small_cnn"), ("standard", "resnet18"))
    ]


@pytest.mark.parametrize(
    ("override", "follow"),
    [
        ("lr=0.1", {"preprocess.mean", "preprocess.std"}),
        ("preprocess.mean=[0.1,0.2,0.3]", {"preprocess.std"}),
        ("preprocess=none", set()),
        (
            "views=modalities",
            {"preprocess.mean", "preprocess.std", "views.mean", "views.std"},
        ),
    ],
)
def test_what_follows_in_a_composed_configuration(override, follow):
    values = resolved(load([override], needs_data=False))
    assert following(values, MemberNames()) == follow
