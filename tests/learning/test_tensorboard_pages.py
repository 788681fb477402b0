"""What TensorBoard's own backend makes of a sweep."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing import data_provider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, get_experiment, list_session_groups
from tensorboard.plugins.hparams.backend_context import Context

from mtl.learning.logger.tensorboard import RunTensorBoard
from mtl.learning.logger.tracker import RunFacts, closing

HEADS = {"box": {"metrics": ["iou", "mae"]}, "classification": {"metrics": ["accuracy"]}}
METRICS = ["box/iou", "classification/accuracy", "box/mae"]
VARIES = {"weighting": ["equal", "dwa"], "seed": [0, 1]}


def write_run(
    folder: Path,
    weighting: str,
    seed: int,
    *,
    tasks: Sequence[str] = ("box", "classification"),
    fails: bool = False,
    varies: Mapping[str, Any] = VARIES,
) -> None:
    settings = {
        "tasks": list(tasks),
        "heads": {task: HEADS[task] for task in tasks},
        "weighting": {"_target_": f"mtl.learning.weighting.{weighting}.{weighting.title()}"},
    }
    told = {"backbone": "small_cnn", "augmentation": "light", "weighting": weighting, "seed": seed}
    facts = RunFacts(settings, told, None, varies, METRICS if varies else [])
    name = f"{'+'.join(tasks)}_weighting-{weighting}_seed-{seed}"
    metrics = {"val/score": 0.5, "test/score": 0.1 * seed}
    metrics |= {f"test/{task}/{HEADS[task]['metrics'][0]}": 0.25 for task in tasks}
    log = RunTensorBoard(folder / name)
    with closing([log]):
        log.begin(facts)
        log.log_metrics({"train/box/loss": 1.0, "val/score": 0.4}, step=1)
        if not fails:
            log.log_metrics({n: v for n, v in metrics.items() if n.startswith("test/")}, step=2)
            log.end(facts, metrics, 2)


def opened(folder: Path) -> TBContext:
    events = EventMultiplexer().AddRunsFromDirectory(str(folder)).Reload()
    provider = data_provider.MultiplexerDataProvider(events, str(folder))
    return TBContext(logdir=str(folder), data_provider=provider, plugin_name_to_instance={})


def experiment_of(folder: Path) -> Any:
    request = api_pb2.GetExperimentRequest()
    return get_experiment.Handler(RequestContext(), Context(opened(folder)), "", request).run()


def rows_of(folder: Path, **request: Any) -> list[Any]:
    asked = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_RUNNING],
        slice_size=100,
        **request,
    )
    context = Context(opened(folder))
    answer = list_session_groups.Handler(RequestContext(), context, "", asked).run()
    return list(answer.session_groups)


def test_what_varies_comes_first_and_a_failed_job_has_no_row(tmp_path: Path) -> None:
    write_run(tmp_path, "equal", 0)
    write_run(tmp_path, "dwa", 1)
    write_run(tmp_path, "dwa", 0, fails=True)
    found = experiment_of(tmp_path)
    assert [info.name for info in found.hparam_infos] == [
        "seed",
        "weighting",
        "augmentation",
        "backbone",
    ]
    assert [info.differs for info in found.hparam_infos] == [True, True, False, False]
    assert [info.type for info in found.hparam_infos][:2] == [
        api_pb2.DATA_TYPE_FLOAT64,
        api_pb2.DATA_TYPE_STRING,
    ]
    assert [info.name.tag for info in found.metric_infos] == [
        *("test/score", "test/box/iou", "test/classification/accuracy", "test/box/mae"),
    ]
    rows = {row.name: row for row in rows_of(tmp_path)}
    assert sorted(rows) == [
        "box+classification_weighting-dwa_seed-1",
        "box+classification_weighting-equal_seed-0",
    ]
    values = rows["box+classification_weighting-dwa_seed-1"].metric_values
    assert {v.name.tag: pytest.approx(v.value) for v in values} == {
        "test/score": 0.1,
        "test/box/iou": 0.25,
        "test/classification/accuracy": 0.25,
    }


def test_rows_are_sorted_by_a_metric(tmp_path: Path) -> None:
    for seed in (1, 3, 2):
        write_run(tmp_path, "equal", seed, tasks=["box"])
    score = api_pb2.ColParams(metric=api_pb2.MetricName(tag="test/score"), order=api_pb2.ORDER_DESC)
    seeds = [row.hparams["seed"].number_value for row in rows_of(tmp_path, col_params=[score])]
    assert seeds == [3, 2, 1]


def test_of_single_runs_tensorboard_finds_out_what_differs(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path, "equal", seed, varies={})
    found = experiment_of(tmp_path)
    assert found.hparam_infos[0].name == "seed"
    assert [info.differs for info in found.hparam_infos] == [True, False, False, False]
    assert "test/score" in [info.name.tag for info in found.metric_infos]


def test_each_task_has_a_page_with_its_splits_in_one_chart(tmp_path: Path) -> None:
    write_run(tmp_path, "equal", 0, tasks=["box"])
    write_run(tmp_path, "dwa", 0)
    with warnings.catch_warnings():
        # It brings an old html5lib with it.
        warnings.simplefilter("ignore", DeprecationWarning)
        from tensorboard.plugins.custom_scalar.custom_scalars_plugin import CustomScalarsPlugin

    pages = json.loads(CustomScalarsPlugin(opened(tmp_path)).layout_impl(RequestContext(), ""))
    charts = {
        page["title"]: {chart["title"]: chart["multiline"]["tag"] for chart in page["chart"]}
        for page in pages["category"]
    }
    assert list(charts) == ["all tasks", "box", "classification", "training"]
    assert charts["box"] == {
        "loss": ["box/train/loss$", "box/val/loss$", "test/box/loss$"],
        "iou": ["box/val/iou$", "test/box/iou$"],
        "mae": ["box/val/mae$", "test/box/mae$"],
    }
    assert list(charts["training"]) == ["learning rates", "weights of the tasks"]
