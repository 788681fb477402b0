"""``mtl train -m``: many jobs under one folder."""

import argparse
import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from mtl.cli.compare import show_sweep
from mtl.cli.hydra_run import run_hydra
from mtl.cli.job import job
from mtl.cli.sweep_plan import plan_sweep
from mtl.cli.sweep_record import Record, print_table
from mtl.config.complaints import complaint
from mtl.config.compose import register_heads
from mtl.config.measures import GAIN
from mtl.config.overrides import key_of
from mtl.config.paths import SWEEP_FILE
from mtl.files import read_json, write_json
from mtl.runs.stopping import stopped_by_signals
from mtl.words import counted


def sweep(options: argparse.Namespace, arguments: Sequence[str], config_dir: Path | None) -> int:
    """Run all jobs; one that fails does not keep the others from running.

    Args:
        options: as ``parse_options`` returns them.
        arguments: as they were typed.
        config_dir: the user's folder.

    Returns:
        0, or 1 where a job failed.

    Raises:
        UserError: a job can't be composed; none is started then.
    """
    plan = plan_sweep(options.overrides, config_dir)
    record = Record(plan.folder)
    before = record.size()
    register_heads(config_dir)
    options.overrides = plan.overrides
    about = {"metrics": plan.metrics, "varies": plan.varies, "jobs": plan.jobs}
    write_json(plan.folder / SWEEP_FILE, about)
    if plan.baselines:
        there = sum(baseline.finished for baseline in plan.baselines)
        own, jobs = counted(len(plan.baselines), "baseline"), counted(plan.jobs, "job")
        print(f"{own} for {jobs} in {plan.baselines[0].folder.parent}, {there} trained before")
    try:
        with stopped_by_signals():
            run_hydra(options, swept_job)
    except (HydraException, OmegaConfBaseException) as error:
        raise complaint(error, {}, config_dir) from error
    except KeyboardInterrupt as stop:
        command = shlex.join(["mtl", "train", *arguments])
        raise KeyboardInterrupt(f"the jobs that are left are done by: {command}") from stop
    except ValueError:
        # A sweeper that searches wants a best job in the end.
        if any(entry["state"] == "finished" for entry in record.since(before)):
            raise
    ended = record.since(before)
    print_table(ended, plan.folder)
    show_sweep(plan.folder, config_dir)
    return int(any(entry["state"] != "finished" for entry in ended))


def headline(node: HydraConf, folder: Path) -> str:
    """``job 4 of 6: backbone=resnet18 seed=1``.

    Args:
        node: Hydra's own, in a job.
        folder: of the sweep.
    """
    same = [*node.job.config.override_dirname.exclude_keys]
    own = [o for o in node.overrides.task if key_of(o) not in same]
    jobs = read_json(folder / SWEEP_FILE)["jobs"]
    return f"job {node.job.num + 1} of {jobs}: {' '.join(own)}".rstrip(": ")


def swept_job(cfg: DictConfig) -> float | None:
    """One job of a sweep, in this process or another.

    Returns:
        The monitored value for sweepers that search, None where the job failed or has none.
    """
    node = HydraConfig.get()
    folder = Path(node.runtime.output_dir)
    # A job may have moved into its own folder (hydra.job.chdir).
    sweep_folder = Path(node.runtime.cwd) / node.sweep.dir
    record = Record(sweep_folder)
    print(headline(node, sweep_folder), flush=True)
    try:
        metrics = job(cfg)
    except Exception as error:
        record.failed(folder, error)
        return None
    score = metrics.get(str(cfg.monitor), math.nan)
    record.finished(folder, score, metrics.get(f"test/{GAIN}", metrics.get(f"val/{GAIN}")))
    return score if math.isfinite(score) else None
