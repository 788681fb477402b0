"""``mtl train -m``: many jobs under one folder."""

import argparse
import math
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from mtl.cli.hydra_run import run_hydra
from mtl.cli.job import job
from mtl.cli.sweep_plan import plan_sweep
from mtl.cli.sweep_record import Record, print_table
from mtl.config.complaints import complaint
from mtl.config.compose import register_heads
from mtl.config.paths import SWEEP_FILE
from mtl.files import write_json


def sweep(options: argparse.Namespace, config_dir: Path | None) -> int:
    """Run all jobs; one that fails does not keep the others from running.

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
    write_json(plan.folder / SWEEP_FILE, {"metrics": plan.metrics})
    try:
        run_hydra(options, swept_job)
    except (HydraException, OmegaConfBaseException) as error:
        raise complaint(error, {}, config_dir) from error
    except ValueError:
        # A sweeper that searches wants a best job in the end.
        if any(entry["state"] == "finished" for entry in record.since(before)):
            raise
    ended = record.since(before)
    print_table(ended, plan.folder)
    return int(any(entry["state"] != "finished" for entry in ended))


def swept_job(cfg: DictConfig) -> float | None:
    """One job of a sweep, in this process or another.

    Returns:
        The monitored value for sweepers that search, None where the job failed or has none.
    """
    node = HydraConfig.get()
    folder = Path(node.runtime.output_dir)
    record = Record(Path(node.sweep.dir))
    print(f"job {node.job.num}: {folder.name}", flush=True)
    try:
        score = job(cfg).get(str(cfg.monitor), math.nan)
    except Exception as error:
        record.failed(folder, error)
        return None
    record.finished(folder, score)
    return score if math.isfinite(score) else None
