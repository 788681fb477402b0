"""A run's row in TensorBoard's HParams table."""

from collections.abc import Mapping, Sequence

from google.protobuf.struct_pb2 import Value
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import (
    DATA_TYPE_BOOL,
    DATA_TYPE_FLOAT64,
    DATA_TYPE_STRING,
    STATUS_SUCCESS,
    Experiment,
    HParamInfo,
    MetricInfo,
    MetricName,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from mtl.config.hyperparameters import Plain
from mtl.learning.logger.tracker import RunFacts


def row_of(facts: RunFacts, metrics: Mapping[str, float], split: str) -> list[Summary]:
    """What makes the row.

    The table shows five hyper-parameters and five metrics unless it is asked for more, in this
    order: hyper-parameters that differ, by name; the others, by name; metrics as a sweep's jobs
    say. Of single runs TensorBoard finds out itself what differs, which it doesn't where it is
    told.

    Args:
        facts: what the run is.
        metrics: what it came to, by full name.
        split: that counts, the first part of its metrics' names.
    """
    start = SessionStartInfo()
    for name, value in facts.hyperparameters.items():
        start.hparams[name].CopyFrom(_as_value(value))
    data = {
        metadata.SESSION_START_INFO_TAG: HParamsPluginData(session_start_info=start),
        metadata.SESSION_END_INFO_TAG: HParamsPluginData(
            session_end_info=SessionEndInfo(status=STATUS_SUCCESS)
        ),
    }
    if facts.varies:
        experiment = Experiment(
            hparam_infos=[_about(facts, name) for name in facts.hyperparameters],
            metric_infos=[
                MetricInfo(name=MetricName(tag=tag)) for tag in columns(facts, metrics, split)
            ],
        )
        data[metadata.EXPERIMENT_TAG] = HParamsPluginData(experiment=experiment)
    return [_summary(tag, content) for tag, content in data.items()]


def columns(facts: RunFacts, metrics: Mapping[str, float], split: str) -> list[str]:
    """The metrics of the table: the score, those of the sweep, then the run's others.

    Args:
        facts: see ``row_of``.
        metrics: likewise.
        split: likewise.
    """
    planned = [f"{split}/{name}" for name in ("score", *facts.metrics)]
    own = [name for name in metrics if name.startswith(f"{split}/")]
    return list(dict.fromkeys([*planned, *own]))


def _about(facts: RunFacts, name: str) -> HParamInfo:
    # Without a domain: rows with other values, of a sweep that has grown, would be hidden.
    values = facts.varies.get(name) or [facts.hyperparameters[name]]
    return HParamInfo(name=name, type=_type_of(values), differs=name in facts.varies)


def _type_of(values: Sequence[Plain]) -> int:
    if all(isinstance(value, bool) for value in values):
        return int(DATA_TYPE_BOOL)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return int(DATA_TYPE_FLOAT64 if numbers else DATA_TYPE_STRING)


def _as_value(value: Plain) -> Value:
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, str):
        return Value(string_value=value)
    return Value(number_value=value)


def _summary(tag: str, data: HParamsPluginData) -> Summary:
    about = metadata.create_summary_metadata(data)
    return Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)])
