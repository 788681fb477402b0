"""Which way a metric is better, as heads declare it."""

from typing import Any

import pytest

from mtl.config.groups import members
from mtl.config.measures import declared, measure_of, mode_of
from mtl.config.member_files import node_of
from mtl.config.monitor import check_main_metrics, check_monitor
from mtl.errors import UserError

DEPTH: dict[str, Any] = {
    "metrics": ["delta1", "rmse", "r2"],
    "larger_is_better": {"delta1": [0, 1], "r2": [None, 1], "delta1_*": [0, 1], "gain": [0, None]},
    "smaller_is_better": {"rmse": [0, None]},
}
HEADS = {"depth": DEPTH}


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        ("val/score", "max"),
        ("val/loss", "min"),
        ("val/depth/loss", "min"),
        ("val/depth/rmse", "min"),
        ("test/depth/rmse", "min"),
        ("val/depth/r2", "max"),
        ("val/depth/delta1_wall", "max"),
    ],
)
def test_direction_is_the_head_s(metric: str, mode: str) -> None:
    assert mode_of(metric, HEADS) == mode


def test_a_name_says_nothing() -> None:
    """The same name, declared the other way round."""
    turned = {"larger_is_better": {"mae": [0, None]}, "smaller_is_better": {"accuracy": [0, 1]}}
    assert mode_of("val/x/mae", {"x": turned}) == "max"
    assert mode_of("val/x/accuracy", {"x": turned}) == "min"


def test_bounds() -> None:
    assert measure_of("depth", "rmse", DEPTH).low == 0
    assert measure_of("depth", "rmse", DEPTH).high == float("inf")
    assert measure_of("depth", "r2", DEPTH).low == -float("inf")


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("val/depth/wer", r"heads.depth.metrics: wer is not declared; .*smaller_is_better: .wer:"),
        ("val/depth/delta1_", "delta1_ is not declared"),
        ("val/box/mae", "belongs to none of the tasks depth"),
        ("val/box/loss", "belongs to none of the tasks depth"),
    ],
)
def test_what_nobody_declared(metric: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        mode_of(metric, HEADS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"larger_is_better": ["x"]}, "must map metrics to their bounds"),
        ({"larger_is_better": {"x": 1}}, r"heads.t.larger_is_better.x=1: must be \[low, high\]"),
        ({"larger_is_better": {"x": [1, 0]}}, "must be"),
        ({"larger_is_better": {"x": [0, True]}}, "must be"),
        ({"larger_is_better": {"x": [0, 1]}, "smaller_is_better": {"x": [0, 1]}}, "both ways"),
    ],
)
def test_declarations_that_make_no_sense(head: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        declared("t", head)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (["rmse", "delta1"], r"rmse can't come first, .* as in \[delta1,rmse\]"),
        (["gain", "rmse"], "gain can't come first"),
        (["delta1", "wer"], "wer is not declared"),
        ([], "name at least one of delta1, r2"),
    ],
)
def test_main_metrics(metrics: list[str], said: str) -> None:
    check_main_metrics(HEADS)
    with pytest.raises(UserError, match=said):
        check_main_metrics({"depth": {**DEPTH, "metrics": metrics}})


def test_metrics_of_a_class_can_be_followed() -> None:
    check_monitor("val/depth/delta1_wall", {"depth": {**DEPTH, "per_class": True}})
    for head in (DEPTH, {**DEPTH, "per_class": True}):
        with pytest.raises(UserError, match="is not logged"):
            check_monitor("val/depth/rmse_wall", {"depth": head})


@pytest.mark.parametrize("name", members("head"))
def test_every_shipped_head_declares_its_metrics(name: str) -> None:
    node = node_of("head", name)
    check_main_metrics({name: node})
    plain = {metric for metric in declared(name, node) if not metric.endswith("*")}
    assert plain == set(node["metrics"])
