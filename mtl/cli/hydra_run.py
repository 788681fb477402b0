"""The one place that touches Hydra's internals: its options, and starting its run.

``hydra.main`` reads ``sys.argv``, where Lightning later looks for the command with which to start
further processes; so Hydra gets its arguments directly here, and ``sys.argv`` stays as it is.
"""

import argparse
import contextlib
import copy
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from mtl.cli.options import refuse_twice, unknown_flag
from mtl.config.compose import CONFIG_NAME, VERSION_BASE
from mtl.config.paths import conf_dir
from mtl.errors import UserError


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Hydra's options and the overrides, in any order.

    Raises:
        UserError: an option that does not exist or lacks its value, or a key given twice.
    """
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise UserError(f"{message}; see mtl train --help")

    parser.error = refuse  # type: ignore[method-assign]
    for argument in arguments:
        if argument.startswith("-") and argument.partition("=")[0] not in flags(parser):
            raise unknown_flag(argument, flags(parser))
    options = parser.parse_intermixed_args(list(arguments))
    options.overrides = list(options.overrides or [])
    if os.environ.get("LOCAL_RANK", "0") == "0":
        # Further processes are started with the first one's arguments and its folder once more.
        refuse_twice(options.overrides)
    return options


def flags(parser: argparse.ArgumentParser) -> list[str]:
    """Every spelling of every option."""
    return [flag for action in parser._actions for flag in action.option_strings]


def run_hydra(options: argparse.Namespace, job: Callable[[DictConfig], Any]) -> None:
    """Let Hydra run a job, or many, or answer one of its own options.

    Args:
        options: as ``parse_options`` returns them.
        job: gets the composed configuration; a function of a module, so that other processes find
            it.

    Raises:
        Exception: whatever Hydra raises, without its own way of printing errors.
    """
    version.setbase(VERSION_BASE)
    with errors_passed_on(), contextlib.closing(LogFiles()):
        _run_hydra(
            args=options,
            args_parser=get_args_parser(),
            task_function=job,
            config_path=str(conf_dir()),
            config_name=CONFIG_NAME,
        )


def run_in_sweep(
    node: DictConfig, values: Mapping[str, Any], folder: Path, job: Callable[[DictConfig], Any]
) -> None:
    """Let Hydra run one job of many with a configuration that is composed already.

    Its log file, callbacks, environment and working folder are Hydra's affair, as in a single run.

    Args:
        node: Hydra's own, of this job; left as it is.
        values: all other nodes.
        folder: of the job.
        job: raises nothing but what ends the whole sweep.
    """
    version.setbase(VERSION_BASE)
    setup_globals()
    cfg = OmegaConf.create(dict(values))
    cfg.hydra = copy.deepcopy(node)
    with read_write(cfg.hydra), open_dict(cfg.hydra):
        cfg.hydra.sweep.dir, cfg.hydra.sweep.subdir = str(folder.parent), folder.name
        cfg.hydra.mode = RunMode.MULTIRUN
    context = HydraContext(config_loader=None, callbacks=Callbacks(cfg))  # type: ignore[arg-type]
    with contextlib.closing(LogFiles()):
        run_job(job, cfg, "hydra.sweep.dir", "hydra.sweep.subdir", context)


class LogFiles:
    """The log files that Hydra opens for a run."""

    def close(self) -> None:
        """End the logging into them with the run."""
        root = logging.getLogger()
        for handler in list(root.handlers):
            if isinstance(handler, logging.FileHandler):
                root.removeHandler(handler)
                handler.close()


@contextlib.contextmanager
def errors_passed_on() -> Iterator[None]:
    """Have Hydra raise its errors instead of printing them and exiting."""
    name = "HYDRA_FULL_ERROR"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
