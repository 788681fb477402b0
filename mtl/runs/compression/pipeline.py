"""``mtl compress``: the steps one after the other, and the table that grows with each."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl.config.checkpoint_names import checkpoint_file
from mtl.config.instantiate import make
from mtl.data.build import build_data
from mtl.data.loading.module import WHOLLY
from mtl.errors import UserError
from mtl.files import read_json
from mtl.learning.checkpoints import load_network_weights
from mtl.learning.quiet import quiet_lightning
from mtl.model.build import build_network
from mtl.runs.compression.base import Step, Workpiece
from mtl.runs.compression.chain import check_chain
from mtl.runs.compression.goal import Goal
from mtl.runs.compression.measured import measured_stand
from mtl.runs.compression.saved import CHECKPOINT, TABLE, keep
from mtl.runs.compression.table import BEFORE, Stand
from mtl.runs.compression.target import (
    asked,
    in_words,
    reached_by,
    search,
    searched_step,
)
from mtl.runs.environment import write_environment
from mtl.runs.folder import RunFolder
from mtl.runs.prediction.predictor import known_targets
from mtl.runs.stopping import after_interruption, stopped_by_signals


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Args:
        run: the folder of a trained run.
        checkpoint: of that.
        steps: name to node, in order.
        repeats: how often a batch is timed, 0 for never.
        goal: what the result has to be, if something is asked for.
        read: a run's folder to its configuration, with what the user changed of it.
        config_dir: see ``Workpiece``.
        trust: likewise.
    """

    run: Path
    checkpoint: str
    steps: Mapping[str, Mapping[str, Any]]
    repeats: int
    goal: Goal | None
    read: Callable[[Path], DictConfig]
    config_dir: Path | None = None
    trust: Sequence[str] = ()

    @property
    def plain(self) -> dict[str, Any]:
        """What a second start has to agree with."""
        return {
            "run": str(self.run.absolute()),
            "checkpoint": self.checkpoint,
            "steps": {name: dict(node) for name, node in self.steps.items()},
            "target": None if self.goal is None else self.goal.plain,
        }


def compress(order: Order, out: Path, show: Callable[[Sequence[Stand]], None]) -> list[Stand]:
    """Take a trained network through the steps.

    After each of them the folder holds the network as it is then, as a run's folder does, and one
    more column of the table; a second start goes on there.

    Args:
        order: what is asked for.
        out: the folder to write.
        show: is called with what there is of the table, after each step.

    Raises:
        UserError: the folder holds something else, or a step can't be done.
        RunError: a step failed.
        KeyboardInterrupt: it was ended from outside.
    """
    quiet_lightning()
    steps: dict[str, Step] = {name: make(node, Step) for name, node in order.steps.items()}
    check_chain(steps)
    searched = None if order.goal is None else searched_step(steps)
    kept = read_json(out / TABLE)
    _refuse_other(out, kept, order)
    stands = [Stand.of(plain) for plain in kept.get("stands", [])]
    if stands:
        show(stands)
    if len(stands) > len(order.steps):
        return stands
    folder = RunFolder(out.absolute())
    folder.fresh, parent_is_new = not out.exists(), not out.parent.exists()
    out.mkdir(parents=True, exist_ok=True)
    folder.lock()
    try:
        with stopped_by_signals():
            write_environment(out)
            folder.status("running")
            _go_through(_opened(order, out, stands), order, steps, searched, stands, show)
            folder.status("finished")
    except (KeyboardInterrupt, SystemExit) as stop:
        raise _interrupted(folder) from stop
    except Exception as error:
        if after_interruption(error):
            raise _interrupted(folder) from error
        if isinstance(error, UserError) and folder.fresh and not stands:
            folder.discard()
            if parent_is_new:
                out.parent.rmdir()
        else:
            folder.fail(error)
        raise
    finally:
        folder.release()
    return stands


def _interrupted(folder: RunFolder) -> KeyboardInterrupt:
    folder.status("interrupted")
    return KeyboardInterrupt("the same command goes on after the last step that has ended")


def _refuse_other(out: Path, kept: Mapping[str, Any], order: Order) -> None:
    """See that the folder is free, or holds the beginning of the same.

    Raises:
        UserError: it isn't, and doesn't.
    """
    if not kept and (out / "config.yaml").exists():
        raise UserError(f"out={out} holds a run; choose another folder")
    for key, value in order.plain.items() if kept else ():
        if kept["order"].get(key) != value:
            raise UserError(
                f"out={out} holds a compression with other {key}; choose another folder, or "
                "remove this one"
            )


def _opened(order: Order, out: Path, stands: Sequence[Stand]) -> Workpiece:
    """The network as the last step that has ended left it, and what goes with it."""
    folder = out if stands else order.run
    path = out / CHECKPOINT if stands else checkpoint_file(order.run, order.checkpoint)
    cfg = order.read(folder).copy()
    OmegaConf.set_struct(cfg, False)
    cfg.trainer.devices, cfg.trainer.strategy, cfg.trainer.compile = 1, "auto", False
    if cfg.trainer.precision in WHOLLY:
        # Steps look at, cut and export a network of float32, which these would turn it from.
        cfg.trainer.precision = "32-true"
    data = build_data(cfg)
    data.prepare_data()
    data.in_terms_of(known_targets(cfg, folder, path))
    network = build_network(cfg, data.targets)
    load_network_weights(network, path)
    file = out / stands[-1].file if stands and stands[-1].file else None
    return Workpiece(
        cfg,
        order.run,
        order.checkpoint,
        out,
        data,
        network.eval(),
        file,
        config_dir=order.config_dir,
        trust=order.trust,
    )


def _go_through(
    work: Workpiece,
    order: Order,
    steps: dict[str, Step],
    searched: str | None,
    stands: list[Stand],
    show: Callable[[Sequence[Stand]], None],
) -> None:
    names = [BEFORE, *steps]
    for name in names[max(1, len(stands)) :]:
        steps[name].check(work)
    # On the data of the run, which are not those of a student that has taken its place.
    first = _opened(order, work.out, []) if stands else work
    before = first.main_metrics() if order.goal and order.goal.loss else {}
    for number, name in list(enumerate(names))[len(stands) :]:
        start = time.perf_counter()
        if name != BEFORE:
            work.say(f"step {number} of {len(order.steps)}: {name}")
            work.begin(number)
            if order.goal is not None and name == searched:
                rest = {step: order.steps[step] for step in names[number:]}
                steps[name] = make(search(work, rest, name, order.goal, before), Step)
            steps[name].apply(work)
        seconds = time.perf_counter() - start
        stands.append(measured_stand(work, name, seconds, stands, order.repeats))
        keep(work, order.plain, stands)
        show(stands)
    if order.goal is not None:
        found = reached_by(work, order.goal, before)
        verdict = "not reached" if order.goal.missed(found) else "reached"
        work.say(f"{asked(order.goal)}: {verdict}, {in_words(found)}")
