"""One run, from a checked configuration to results.json."""

import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as L
import torch
from omegaconf import DictConfig
from pytorch_lightning.callbacks import LambdaCallback

from mtl.config.paths import SWEEP_FILE
from mtl.config.protocol import PAPER
from mtl.data.inspection.looked import Looked, find_all
from mtl.data.loading.module import MultiTaskData
from mtl.errors import Interrupted, Pruned, RunError, UserError
from mtl.files import read_json, write_json
from mtl.learning.build import MakeModule, build_callbacks, build_loggers, build_module
from mtl.learning.callbacks.broken import BrokenSamples
from mtl.learning.callbacks.last_epochs import LastEpochs
from mtl.learning.callbacks.throughput import Throughput
from mtl.learning.callbacks.tracking import Tracking
from mtl.learning.callbacks.within_epoch import WithinEpoch
from mtl.learning.checkpoints import load_network_weights, read_checkpoint
from mtl.learning.ending import why_stopped
from mtl.learning.gradients.shared_count import shared_parameters
from mtl.learning.logger.tracker import closing
from mtl.learning.module import MultiTaskModule
from mtl.learning.outcome import outcome, remember
from mtl.learning.quiet import quiet_lightning
from mtl.learning.rank_watch import end_soon, watch_ranks
from mtl.learning.refusals import refusals
from mtl.learning.stop import Stop
from mtl.learning.trainer import build_trainer, refuse_other_processes
from mtl.model.build import build_network
from mtl.model.multiply_adds import multiply_adds
from mtl.processes import is_first_process
from mtl.runs.alike import check_alike
from mtl.runs.baselines.measured import measured
from mtl.runs.chance import chance_lines_of
from mtl.runs.faults.known import known_fault, way_on
from mtl.runs.faults.rank import LostRank, gone
from mtl.runs.folder import RunFolder
from mtl.runs.idle import idle
from mtl.runs.left_out import left_out_lines
from mtl.runs.peak_memory import peak_memory_mb, reset_peak_memory
from mtl.runs.report import print_results
from mtl.runs.resume import taken_up
from mtl.runs.said import unsaid
from mtl.runs.stopping import after_interruption, stopped_by_signals
from mtl.runs.summary import print_summary
from mtl.runs.training_data import training_data
from mtl.terminal import complain, say


def train(
    cfg: DictConfig,
    folder: Path,
    baselines: Mapping[str, Path] | None = None,
    make_module: MakeModule = MultiTaskModule,
) -> dict[str, float]:
    """Train, evaluate the best checkpoint on the test split, and leave a run folder.

    The same configuration into the same folder resumes; a finished run is left alone.

    Args:
        cfg: finalised and checked.
        folder: of the run.
        baselines: task to the folder of its single-task run, which the results are to be
            compared with.
        make_module: see ``build_module``.

    Returns:
        The metrics of results.json.

    Raises:
        UserError: the folder belongs to other settings, or the input is at fault.
        RunError: training can't go on.
        Interrupted: it was ended from outside.
    """
    run = RunFolder(folder.absolute(), writes=is_first_process())
    cfg = run.taken_up(cfg)
    if (there := run.as_it_is(cfg)) is not None:
        return there
    twin = run.unfinished_twin(cfg)
    if twin is not None:
        say(f"{twin} holds an unfinished run of these settings; hydra.run.dir={twin} resumes it")
    if not run.begin(cfg):
        return run.as_it_is(cfg) or {}
    with stopped_by_signals() as signals:
        try:
            with ExitStack() as opened:
                reset_peak_memory()
                return _train(cfg, run, signals, opened, baselines or {}, make_module)
        except (KeyboardInterrupt, SystemExit) as stop:
            # Lightning answers Ctrl-C with SystemExit, which would look like a failure further up.
            raise _interrupted(run) from stop
        except Pruned as pruned:
            run.status("pruned", why=str(pruned))
            raise
        except Exception as error:
            if after_interruption(error):
                raise _interrupted(run) from error
            known = _known(error, cfg, run)
            if isinstance(error, UserError) and run.fresh:
                # What was refused before its first step leaves nothing behind.
                run.discard()
            else:
                run.fail(known or error)
            if known is not None:
                raise known from error
            raise
        finally:
            run.release()


def _known(error: Exception, cfg: DictConfig, run: RunFolder) -> RunError | None:
    """What is said of an error that is a known fault's."""
    known = known_fault(error, cfg, run)
    if known is not None:
        known.__cause__ = error
    if isinstance(known, LostRank):
        end_soon()
    return known


def _interrupted(run: RunFolder) -> Interrupted:
    run.status("interrupted")
    return Interrupted(run.path, run.last_checkpoint is not None)


def _lost_rank(run: RunFolder, how: str) -> None:
    """Say that a run ends where another process of it has, and nobody has said so yet."""
    if run.goes_on:
        lost = LostRank(f"{gone(how)}{way_on(run)}")
        run.fail(lost)
        complain(lost)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from the global state
    torch.manual_seed(seed)


def _evaluate_best(
    cfg: DictConfig,
    run: RunFolder,
    data: MultiTaskData,
    module: MultiTaskModule,
    trainer: L.Trainer,
) -> tuple[dict[str, float], dict[str, Any], dict[str, dict[str, int]]]:
    """Metrics of the best checkpoint: validation as it was then, and test, once, now.

    Behind them: which epoch that is, and split and task to the labelled samples that they are of.

    With ``protocol=paper`` those of test are means over the last epochs, and what is drawn of it
    and kept is the last one's.
    """
    path = run.path / "checkpoints" / "best.ckpt"
    saved = read_checkpoint(path)["mtl"]
    means = [c.means for c in trainer.callbacks if isinstance(c, LastEpochs)]  # type: ignore[attr-defined]
    metrics = {name: value for name, value in saved["metrics"].items() if name.startswith("val/")}
    # Checkpoints of older versions don't know it.
    labelled = {"val": saved.get("labelled", {}), "test": {}}
    best = {"epoch": saved["epoch"] + 1, "monitor": cfg.monitor, "score": metrics.get(cfg.monitor)}
    if cfg.test and data.source("test") is not None:
        load_network_weights(module.network, path.with_name("last.ckpt") if means else path)
        with refusals():
            trainer.test(module, datamodule=data, verbose=False)
        found = trainer.callback_metrics.items()
        tested = {name: float(value) for name, value in found if name.startswith("test/")}
        metrics |= means[0] if means else tested
        labelled["test"] = dict(module.test.samples)
    measured_on = {name.partition("/")[0] for name in metrics}
    return metrics, best, {s: n for s, n in labelled.items() if n and s in measured_on}


def _own_callbacks(
    cfg: DictConfig, run: RunFolder, data: MultiTaskData, meters: Sequence[L.Callback], stop: Stop
) -> list[L.Callback]:
    """Those that every run has, and that of its protocol."""
    begun = LambdaCallback(on_train_start=lambda *_: run.keep())
    own: list[L.Callback] = [BrokenSamples(), *meters, begun, WithinEpoch(stop)]
    if cfg.protocol == PAPER:
        data.required("test")
        own.append(LastEpochs(cfg.epochs))
    return own


def _train(
    cfg: DictConfig,
    run: RunFolder,
    stop: Stop,
    opened: ExitStack,
    baselines: Mapping[str, Path],
    make_module: MakeModule,
) -> dict[str, float]:
    quiet_lightning()
    _seed(cfg.seed)
    data = training_data(cfg, run, make_module)
    network = build_network(cfg, data.targets)
    module = build_module(cfg, network, make_module)
    last = run.last_checkpoint
    resumed_step = taken_up(cfg, data, module, last, run.writes)
    check_alike(resumed_step, len(data.required("train")))
    loggers = build_loggers(cfg, run.path, None if resumed_step is None else resumed_step + 1)
    opened.enter_context(closing(loggers))
    throughput = Throughput()
    tracking = Tracking(cfg, run.path, read_json(run.path.parent / SWEEP_FILE))
    own = _own_callbacks(cfg, run, data, [throughput, tracking], stop)
    callbacks = [*build_callbacks(cfg), *own]
    trainer = build_trainer(cfg, run.path, callbacks, loggers)
    refuse_other_processes(cfg, trainer)
    watch_ranks(trainer, partial(_lost_rank, run))
    if run.writes:
        looked = Looked(cfg, data)
        print_summary(cfg, run.path, looked, network, trainer)
        worth_saying = [*find_all(looked), *idle(module), *left_out_lines(network, data)]
        for line in unsaid(run.path, worth_saying):
            say(line)
        if last is not None:
            say(f"resuming from {last} after step {resumed_step}")
    # Lightning does it once a checkpoint has been read, whose digits would be lost by then.
    trainer.precision_plugin.convert_module(module)
    with refusals():
        trainer.fit(module, datamodule=data, ckpt_path=last, weights_only=True)
    remember(trainer, run.path / "checkpoints" / "last.ckpt")
    stopped = why_stopped(trainer)
    if run.writes and stopped is not None:
        say(stopped)
    metrics, best, labelled = _evaluate_best(cfg, run, data, module, trainer)
    gain = measured(cfg, metrics, baselines) if baselines else None
    if gain is not None:
        metrics |= gain.metrics
        for logger in trainer.loggers:
            logger.log_metrics(gain.metrics, trainer.global_step)
    skipped = data.all_skipped()
    run.write_skipped(skipped)
    results = {
        "metrics": metrics,
        "best": best,
        **outcome(trainer),
        "seed": cfg.seed,
        "epochs": trainer.current_epoch,
        "training_samples": len(data.required("train")),
        "labelled": labelled,
        "duration_s": round(throughput.duration, 1),
        "parameters": sum(p.numel() for p in network.parameters()),
        "shared_parameters": shared_parameters(network, cfg.image_size),
        "multiply_adds": multiply_adds(network, cfg.image_size),
        "images_per_second": round(throughput.images_per_second, 1),
        "data_wait": round(throughput.data_wait, 4),
        "peak_memory_mb": peak_memory_mb(module.device),
        "skipped_samples": len(skipped),
    }
    results = {key: value for key, value in results.items() if value is not None}
    if gain is not None:
        results["gain"] = gain.entry
    if run.writes:
        tracking.finish(trainer, metrics)
        write_json(run.path / "results.json", results)
        run.status("finished", **({} if stopped is None else {"why": stopped}))
        print_results(results, run.path, chance_lines_of(cfg, run.path, metrics))
    return metrics
