"""From the values to sweep over to the overrides of each job."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException

from mtl.config.compose import initialised
from mtl.config.overrides import parse_all
from mtl.errors import UserError

OF_HYDRA = (
    "hydra/launcher",
    "hydra/sweeper",
    "hydra.launcher",
    "hydra.sweeper",
    "hydra.sweep.subdir",
)


def refuse_hydras_own(overrides: Sequence[str]) -> None:
    """Complain of what would be asked of Hydra's launchers and sweepers, and of swept sweeps.

    Raises:
        UserError: names the override and what stands in its place.
    """
    for override in parse_all(overrides):
        key = override.get_key_element().lstrip("+~")
        if key.startswith(OF_HYDRA):
            raise UserError(f"{key}: jobs are run by sweep=NAME; see mtl ls sweep")
        if key.partition(".")[0] in ("sweep", "hydra") and override.is_sweep_override():
            raise UserError(f"{override.input_line}: must be one value, the same for all jobs")


def grid(overrides: Sequence[str], config_dir: Path | None) -> list[list[str]]:
    """The overrides of each combination of the values.

    Raises:
        UserError: a kind of sweep that only a search can do, or no values.
    """
    with initialised(config_dir):
        loader = GlobalHydra.instance().config_loader()
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))
        try:
            (jobs,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
        except HydraException as error:
            raise UserError(f"{error}; choose another sweep: mtl ls sweep") from error
    if not jobs:
        empty = next(o for o in parsed if o.is_sweep_override() and not [*o.sweep_iterator()])
        raise UserError(f"{empty.input_line}: has no values to sweep over")
    return [task_part(job) for job in jobs]


def representative(override: Override) -> str:
    """An override with one of its values."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return str(override.input_line)
    values = override.value()
    if isinstance(values, IntervalSweep):
        return f"{key}={values.start}"
    return f"{key}={next(iter(override.sweep_string_iterator()))}"


def task_part(job: Sequence[str]) -> list[str]:
    """A job's overrides less those of Hydra's own settings and of the sweep."""
    return [o for o in job if not o.startswith(("hydra.", "hydra/", "sweep.", "sweep="))]


def refuse_same_names(names: Sequence[str]) -> None:
    """Two jobs in one folder would take each other for a run to resume.

    Raises:
        UserError: names such a folder.
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise UserError(f"two jobs of the sweep are the same: {name}")
