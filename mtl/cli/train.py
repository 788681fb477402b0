"""``mtl train``: one run, or a sweep."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl.cli.help_text import fitted
from mtl.cli.hydra_run import parse_options, run_hydra
from mtl.cli.job import job
from mtl.cli.one_folder import in_one_folder
from mtl.cli.resume import how_to_resume
from mtl.cli.sweeps.command import sweep
from mtl.cli.train_help import train_help
from mtl.config.complaints import HYDRA_ERRORS, complaint
from mtl.config.compose import compose, current_values, register_heads, with_new_members
from mtl.config.groups import folders
from mtl.config.load import load
from mtl.config.nearest import listing
from mtl.config.paths import allow_user_modules
from mtl.errors import Interrupted, UserError
from mtl.files import unwritable
from mtl.processes import several
from mtl.terminal import doing


def run(arguments: list[str]) -> int:
    """Check everything that can be checked without torch, then train.

    Args:
        arguments: overrides and Hydra's options.

    Returns:
        0, or 1 where a job of a sweep failed.

    Raises:
        UserError: the command line is wrong.
    """
    options = parse_options(arguments)
    allow_user_modules()
    if options.config_dir is not None:
        options.config_dir = str(Path(options.config_dir).expanduser())
    config_dir = None if options.config_dir is None else Path(options.config_dir)
    folders(config_dir)
    if options.help:
        print(fitted(train_help(config_dir)))
        return 0
    if options.multirun and wants_answer(options):
        raise UserError("-m: trains; to be shown something, leave it out, and write single values")
    if options.cfg == "job":
        print_config(load(options.overrides, config_dir, needs_data=False), options.package)
        return 0
    if options.cfg == "all":
        print_config(compose(options.overrides, config_dir), options.package)
        return 0
    if options.multirun:
        if (started := several()) is not None:
            raise UserError(
                f"-m: {started.by} starts the processes of one run; a sweep starts its own"
            )
        return sweep(options, arguments, config_dir)
    if wants_answer(options):
        answer(options, config_dir)
        return 0
    with ExitStack() as composing:
        composing.enter_context(doing("composing the configuration"))
        load(options.overrides, config_dir)
        options.overrides = in_one_folder(options.overrides, config_dir)
        try:
            train_one(options, config_dir, composing.close)
        except Interrupted as stop:
            raise KeyboardInterrupt(how_to_resume(arguments, stop)) from stop
    return 0


def wants_answer(options: argparse.Namespace) -> bool:
    """Whether Hydra is asked something instead of told to run."""
    return bool(
        options.cfg
        or options.info is not None
        or options.hydra_help
        or options.shell_completion
        or options.experimental_rerun
    )


def print_config(cfg: DictConfig, package: str | None) -> None:
    """The configuration, or one node of it, as yaml.

    Raises:
        UserError: no such node.
    """
    node = cfg if package is None else OmegaConf.select(cfg, package)
    if not OmegaConf.is_config(node):
        raise UserError(f"--package {package}: no such node. There are: {listing(cfg)}")
    print(OmegaConf.to_yaml(node), end="")


def answer(options: argparse.Namespace, config_dir: Path | None) -> None:
    """Let Hydra answer one of its own options.

    Raises:
        UserError: an override is wrong.
    """
    register_heads(config_dir)
    overrides = list(options.overrides)
    try:
        options.overrides = with_new_members(overrides, config_dir)
        run_hydra(options, job)
    except HYDRA_ERRORS as error:
        raise complaint(error, current_values(overrides, config_dir), config_dir) from error


def train_one(
    options: argparse.Namespace, config_dir: Path | None, composed: Callable[[], object]
) -> None:
    """One run.

    Args:
        options: as ``parse_options`` returns them.
        config_dir: a user's folder of further members.
        composed: is called when the configuration is, and the run begins.

    Raises:
        Exception: what the run raises comes out as it is.
    """
    register_heads(config_dir)
    options.overrides = with_new_members(options.overrides, config_dir)
    raised: list[Exception] = []

    def guarded(cfg: DictConfig) -> None:
        # Hydra would print a line of its own about an error that it sees.
        try:
            composed()
            job(cfg)
        except Exception as error:
            raised.append(error)

    try:
        run_hydra(options, guarded)
    except (HydraException, OmegaConfBaseException) as error:
        raise complaint(error, {}, config_dir) from error
    except OSError as error:
        said = unwritable(error) or f"{error.filename}: {error.strerror}"
        raise UserError(f"hydra.run.dir: {said}") from error
    if raised:
        raise raised[0]
