"""A task that learns from several data sets is measured on each of them, too."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_kit import Alternating, label_of, write_conf

from mtl.config.instantiate import container
from mtl.config.load import load
from mtl.config.measures import mode_of
from mtl.config.mixture import sets_of_tasks
from mtl.data.build import build_data
from mtl.data.loading.loader import ArrayLoading
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.evaluation import Evaluation
from mtl.model.build import build_network

MIXED = ("data=mixed", "data@data.sets.x=alternating", "data@data.sets.y=alternating")
MIXED += ("data.merge={a: [x.a,y.a]}", "heads.b.target=x.b", "tasks=[a,b]", "backbone=plain")
MIXED += ("monitor=val/a/x.accuracy",)


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


def test_accuracy_on_each_set_and_on_both(conf: Path) -> None:
    """Of ten samples the first four are of x; a is known of 0, 2, 6 and 8."""
    cfg = load(["data=alternating", "backbone=plain"], conf)
    torch.manual_seed(3)
    network = build_network(cfg, build_data(cfg).targets).eval()
    data = Alternating(train=10, val=1, test=1, image_size=16)
    loading = ArrayLoading(data.split("train"), data.targets, 0)  # type: ignore[arg-type]
    evaluation = Evaluation(network, "test", {"a": ["x", "y", "z"]})
    for rows in (range(6), range(6, 10)):
        found = loading.__getitems__([(0, row) for row in rows])
        ids = [f"{'x' if row < 4 else 'y'}:{row}" for row in rows]
        image = found.image.float() / 127.5 - 1
        batch = replace(found, image=image, ids=ids)
        evaluation.count(network, batch, {"a": 1.0, "b": 1.0})
    every = loading.__getitems__([(0, row) for row in range(10)])
    with torch.no_grad():
        said = network.predict(every.image.float() / 127.5 - 1)["a"].argmax(1).tolist()
    hits = {row: float(said[row] == label_of(row)[0]) for row in (0, 2, 6, 8)}
    values = evaluation.results(torch.device("cpu"), lambda value: value)
    expected = {
        "test/a/accuracy": sum(hits.values()) / 4,
        "test/a/x.accuracy": (hits[0] + hits[2]) / 2,
        "test/a/y.accuracy": (hits[6] + hits[8]) / 2,
    }
    assert {name: float(values[name]) for name in expected} == expected
    assert not any("z." in name for name in values)
    again = evaluation.results(torch.device("cpu"), lambda value: value)
    assert not any("/a/" in name for name in again), "counted anew"


def test_only_merged_targets_come_from_several_sets(conf: Path) -> None:
    cfg = load([*MIXED], conf, needs_data=False)
    heads = container(cfg.heads)
    assert sets_of_tasks(cfg.data, heads) == {"a": ["x", "y"]}
    data = build_data(cfg)
    module = build_module(cfg, build_network(cfg, data.targets))
    assert list(module.val.set_metrics) == list(module.test.set_metrics) == ["a"]
    assert mode_of("val/a/x.accuracy", heads) == "max"


def test_a_set_that_is_none_is_not_monitored(conf: Path) -> None:
    with pytest.raises(UserError, match=r"monitor=val/a/z\.accuracy: is not logged; did you mean"):
        load([*MIXED, "monitor=val/a/z.accuracy"], conf, needs_data=False)


def test_batches_of_other_data_have_no_sets() -> None:
    assert sets_of_tasks({"targets": {"a": "label"}}, {"a": {"target": "a"}}) == {}
