"""Looking at every job of a sweep before the first one starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from mtl.cli.sweep_columns import metrics_of, varied
from mtl.config.allowed import Chosen
from mtl.config.check import check
from mtl.config.compose import chosen_of, compose, initialised, with_new_members, with_values
from mtl.config.difference import difference
from mtl.config.finalise import finalise
from mtl.config.groups import groups
from mtl.config.hyperparameters import Plain
from mtl.config.job_name import job_name
from mtl.config.measures import mode_of
from mtl.config.overrides import key_of, parse, parse_all
from mtl.config.saved import read_config
from mtl.errors import UserError
from mtl.runs.baselines.single import Baseline, baselines_of_all

BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
RESTARTING = ("ddp", "fsdp", "deepspeed")
"""Strategies of Lightning that start the whole command again for each device."""
SPAWNING = ("spawn", "fork", "notebook")


@dataclass(frozen=True)
class Plan:
    """A sweep that can start.

    Args:
        overrides: for Hydra.
        folder: that all jobs lie in.
        metrics: of all tasks of all jobs, ``task/metric``, the main ones first.
        varies: the keys in which the jobs differ, each with its values; none where they are chosen
            one after the other.
        jobs: how many there will be.
        baselines: single-task runs that the jobs will share; none where a sweeper searches and
            they are found out one by one.
    """

    overrides: list[str]
    folder: Path
    metrics: list[str]
    varies: dict[str, list[Plain]]
    jobs: int
    baselines: list[Baseline]


def plan_sweep(overrides: Sequence[str], config_dir: Path | None) -> Plan:
    """Compose every job.

    Args:
        overrides: with values to sweep over.
        config_dir: the user's folder.

    Raises:
        UserError: a job can't be composed, no job passes the checks, two jobs would have one name,
            the launcher can't run them, or the folder holds jobs with other settings.
    """
    parsed = parse_all(overrides)
    fixed = [o for o, p in zip(overrides, parsed, strict=True) if not p.is_sweep_override()]
    node = compose(fixed, config_dir).hydra
    jobs = planned_jobs(overrides, node.sweeper, config_dir)
    composed = composed_jobs(jobs, config_dir)
    configurations = [cfg for cfg, _ in composed]
    checked = check_jobs(composed, basic=node.launcher._target_ == BASIC_LAUNCHER)
    not_swept = [p.get_key_element() for p in parsed if not p.is_sweep_override()]
    folder = Path(str(node.sweep.dir))
    baselines: list[Baseline] = []
    grid = node.sweeper._target_ == BASIC_SWEEPER
    if grid:
        names = [job_name(task_part(job), not_swept) for job in jobs]
        refuse_same_names(names)
        refuse_other_settings(folder, dict(zip(names, checked, strict=True)))
        baselines = baselines_of_all([c for c in checked if c is not None and c.baselines])
    complete = new_heads_in_all(overrides, jobs, config_dir)
    fixed_keys = ",".join(f"'{key}'" for key in [*not_swept, *(f"+{k}" for k in not_swept)])
    # Each job would resolve the folder with its own values: -m data=a,b would part them.
    settings = [
        f"hydra.job.config.override_dirname.exclude_keys=[{fixed_keys}]",
        f"hydra.sweep.dir='{folder}'",
        *search_settings(node.sweeper, not_swept, configurations[0]),
    ]
    count = node.sweeper.get("n_trials") or len(jobs)
    # Which values a search will take is not known yet.
    searched: dict[str, list[Plain]] = {p.key_or_group: [] for p in parsed if p.is_sweep_override()}
    varies = varied([task_part(job) for job in jobs]) if grid else searched
    metrics = metrics_of(configurations)
    return Plan([*complete, *settings], folder, metrics, varies, count, baselines)


def search_settings(
    sweeper: DictConfig, given: Sequence[str], configuration: DictConfig
) -> list[str]:
    """What a sweeper that searches has to know: where better is, and that jobs may fail.

    Args:
        sweeper: its node.
        given: keys that the user set.
        configuration: of a job.
    """
    if "direction" not in sweeper:
        return []
    heads = cast(dict[str, Any], OmegaConf.to_container(configuration.heads))
    wanted = {
        "direction": f"{mode_of(str(configuration.monitor), heads)}imize",
        "max_failure_rate": "1.0",
    }
    return [
        f"hydra.sweeper.{key}={value}"
        for key, value in wanted.items()
        if f"hydra.sweeper.{key}" not in given
    ]


def task_part(job: Sequence[str]) -> list[str]:
    """A job's overrides less those of Hydra's own settings."""
    return [o for o in job if not o.startswith(("hydra.", "hydra/"))]


def planned_jobs(
    overrides: Sequence[str], sweeper: DictConfig, config_dir: Path | None
) -> list[list[str]]:
    """The overrides of each job; one that stands for all where a sweeper searches by itself.

    Raises:
        UserError: a kind of sweep that the sweeper can't do.
    """
    params = OmegaConf.to_container(sweeper.get("params") or OmegaConf.create())
    assert isinstance(params, dict)
    lines = [*(f"{key!s}={value}" for key, value in params.items()), *overrides]
    with initialised(config_dir):
        loader = GlobalHydra.instance().config_loader()
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(lines)
        if sweeper._target_ != BASIC_SWEEPER:
            return [[representative(override) for override in parsed]]
        try:
            (jobs,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
        except HydraException as error:
            raise UserError(f"{error}; choose another sweep: mtl ls sweep") from error
    if not jobs:
        raise UserError("a value to sweep over has no values")
    return jobs


def representative(override: Override) -> str:
    """An override with one of its values."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return str(override.input_line)
    values = override.value()
    if isinstance(values, IntervalSweep):
        return f"{key}={values.start}"
    return f"{key}={next(iter(override.sweep_string_iterator()))}"


def composed_jobs(
    jobs: Sequence[list[str]], config_dir: Path | None
) -> list[tuple[DictConfig, Chosen]]:
    """The configuration of each job, and what members it was made of.

    Files are read once for jobs that choose the same members.

    Raises:
        UserError: one can't be composed.
    """
    read: dict[tuple[str, ...], DictConfig] = {}
    found = []
    for job in jobs:
        own = with_new_members(task_part(job), config_dir)
        chosen = tuple(o for o in own if parse(o).key_or_group in groups(config_dir))
        if chosen not in read:
            read[chosen] = compose(chosen, config_dir)
        values = [o for o in own if o not in chosen]
        cfg = with_values(read[chosen], values, config_dir)
        found.append((finalise(cfg), chosen_of(cfg.hydra)))
    return found


def check_jobs(
    configurations: Sequence[tuple[DictConfig, Chosen]], basic: bool
) -> list[DictConfig | None]:
    """Check all jobs.

    A job whose values are out of range fails alone, later; but where none is fine, nothing starts.

    Args:
        configurations: finalised, with what members each was made of.
        basic: whether the basic launcher runs them, in this process.

    Returns:
        The checked ones, None for those that will fail.

    Raises:
        UserError: see ``plan_sweep``.
    """
    wrong: UserError | None = None
    checked: list[DictConfig | None] = []
    for cfg, chosen in configurations:
        if basic and restarts(str(cfg.trainer.strategy)):
            raise UserError(
                f"trainer.strategy={cfg.trainer.strategy} starts the whole command again for each"
                " device, so it can't run under -m with the basic launcher; run the jobs one by"
                " one, or choose another launcher"
            )
        try:
            checked.append(check(cfg, chosen=chosen))
        except UserError as error:
            wrong = wrong or error
            checked.append(None)
    if wrong is not None and not any(cfg is not None for cfg in checked):
        raise wrong
    return checked


def refuse_other_settings(folder: Path, jobs: Mapping[str, DictConfig | None]) -> None:
    """Look whether jobs of the same names were run with other settings.

    Args:
        folder: of the sweep.
        jobs: by name, None for those that will fail.

    Raises:
        UserError: names the first such job and setting.
    """
    for name, cfg in jobs.items():
        if cfg is None or not (folder / name / "config.yaml").exists():
            continue
        different = difference(read_config(folder / name), cfg)
        if different is not None:
            raise UserError(
                f"{folder} holds a sweep whose job {name} has {different}: choose another name=, "
                "or remove the folder"
            )


def restarts(strategy: str) -> bool:
    """Whether Lightning starts the command again for each device."""
    return strategy.startswith(RESTARTING) and not any(word in strategy for word in SPAWNING)


def refuse_same_names(names: Sequence[str]) -> None:
    """Two jobs in one folder would take each other for a run to resume.

    Raises:
        UserError: names such a folder.
    """
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two jobs of the sweep are the same: {name}")


def new_heads_in_all(
    overrides: Sequence[str], jobs: Sequence[list[str]], config_dir: Path | None
) -> list[str]:
    """``with_new_members`` for a sweep.

    Raises:
        UserError: a head is new in some jobs and not in others.
    """
    keys = [key_of(o) for o in overrides if o.startswith("head@")]
    if not keys:
        return list(overrides)
    there = groups(config_dir)
    chosen = {tuple(o for o in job if parse(o).key_or_group in there) for job in jobs}
    written = {key_of(o) for job in chosen for o in with_new_members(job, config_dir)}
    for key in keys:
        if {key, f"+{key}"} <= written:
            raise UserError(f"{key}: some data sets of the sweep bring it and others don't")
    return [f"+{o}" if f"+{key_of(o)}" in written else o for o in overrides]
