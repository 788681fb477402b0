"""``mtl eval``: a run's checkpoint over one split, or the ensemble of several runs."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, cast

from mtl.cli.calibrated import check_calibrated
from mtl.cli.options import split_options
from mtl.cli.own_keys import one_of, own_keys, place, refuse_folder, trust_of
from mtl.cli.run_list import one_or_several, run_list
from mtl.config.checkpoint_names import need_checkpoint
from mtl.config.load import load
from mtl.config.overrides import key_of
from mtl.config.saved import open_run
from mtl.errors import UserError
from mtl.runs.rotation.angles import angles

HELP = """\
usage: mtl eval run=DIR [split=test|val] [checkpoint=NAME] [out=FILE] [samples=true] [key=value ...]
       mtl eval run=DIR calibrated=true [...]
       mtl eval run=DIR rotate=[0,15,...,345] [...]
       mtl eval runs=[DIR,...] [ensemble=mean|weighted|vote] [...]

Evaluate a run's checkpoint, and write the metrics to DIR/eval/<split>.json; tables and curves
(confusion, ROC, precision-recall, calibration) go to curves_<split>.json and to pictures beside it.
The run's own configuration is used; other arguments change it. Those of another
checkpoint (last, or best_<task>_<metric> of a run with callbacks.checkpoint.monitors) go to
<split>_<checkpoint>.json. With ensemble.tta=[...] the network decides on turned and mirrored copies
of each image too (losses stay those of the image as it is), and the file is <split>_tta.json.

With rotate= the images are turned by each angle in degrees, with their boxes and masks; metrics
over the angle go to DIR/eval/rotation_<split>.json and .png, and to TensorBoard beside them.

With runs=, folders or globs, evaluate what separately trained runs decide together, beside each by
itself, over the tasks that all of them have. Written to outputs/eval/<ensemble>_<split>.json. Other
arguments change every run's configuration.

A run calls only classes of this package; trust=[mine] or --config-dir allow those of your modules.

With calibrated=true the network decides as mtl calibrate found, with temperatures and thresholds;
the files are <split>_calibrated.json and so on. Without it numbers are those of results.json.

With samples=true what each sample was decided is kept too, in DIR/samples/<split>.npz, as
callbacks.samples.enabled=true does it at the end of a run.

examples:
  mtl eval run=outputs/runs/NAME/TIME
  mtl eval run=outputs/runs/NAME/TIME split=val data.root=FOLDER batch_size=8
  mtl eval run=outputs/runs/NAME/TIME ensemble.tta=[0,90,180,270]
  mtl eval run=outputs/runs/NAME/TIME rotate=[0,15,...,345]
  mtl eval ensemble=vote 'runs=[outputs/sweeps/NAME/*]'
  mtl eval ensemble=weighted ensemble.weights=[0.2,0.3,0.5] runs=[A,B,C]"""
KEYS = ("run", "runs", "rotate", "split", "checkpoint", "out", "samples", "calibrated", "trust")
EvalSplit = Literal["val", "test"]
HARMLESS = ("batch_size", "data.root", "data.workers", "trainer.*")
"""Settings with which the same is decided on the same samples."""


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``run=``, with ``rotate=`` or without, or ``runs=``; ``split=`` (default
            ``test``), ``checkpoint=`` (default ``best``), ``out=``, and overrides of the runs'
            configurations.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, there is no such run, checkpoint or split, or runs don't
            go together.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    one_or_several(own, overrides)
    one_of("split", own.setdefault("split", "test"), ("test", "val"))
    own.setdefault("checkpoint", "best")
    if "samples" in own and ("rotate" in own or own.get("runs")):
        raise UserError("samples=true goes with one run as it is: leave out rotate= and runs=")
    check_calibrated(own)
    if "calibrated" in own and ("rotate" in own or own.get("runs")):
        raise UserError("calibrated= goes with one run as it is: leave out rotate= and runs=")
    alone = _turned if "rotate" in own else _one_run
    refuse_folder("out", own.get("out"))
    action = _several_runs if own.get("runs") else alone
    action(own, overrides, config_dir)
    return 0


def _one_run(own: Mapping[str, str], overrides: Sequence[str], config_dir: Path | None) -> None:
    kept = _keeps_samples(own, overrides)
    calibrated = own.get("calibrated") == "true"
    folder = Path(own["run"]).expanduser()
    cfg = open_run(folder, overrides, config_dir, trust=trust_of(own))
    need_checkpoint(own["checkpoint"], cfg, folder)

    from mtl.terminal import console, loading, say

    with loading():
        from mtl.cli.compressed_file import tell_of_file
        from mtl.data.data_set import build_data_set

        build_data_set(cfg).look()
        from mtl.files import write_json
        from mtl.learning.callbacks.labelled import LabelledSamples
        from mtl.learning.callbacks.samples import KeepSamples
        from mtl.runs.chance import chance_lines, levels_of
        from mtl.runs.compression.saved import TABLE
        from mtl.runs.eval_curves import FoundCurves, class_tables, write_curves
        from mtl.runs.evaluate import evaluate
        from mtl.runs.report import metrics_table

    tell_of_file(folder, f"{folder / TABLE} has the file's metrics")
    split, checkpoint = cast(EvalSplit, own["split"]), own["checkpoint"]
    watch, counted = FoundCurves(), LabelledSamples()
    keep = [KeepSamples(split)] if kept else []
    metrics = evaluate(cfg, folder, split, checkpoint, [watch, counted, *keep], calibrated)
    name = f"{split}_tta" if any(map(_is_tta, overrides)) else split
    name = _file_name(f"{name}_calibrated" if calibrated else name, checkpoint)
    path = place(own, "out", folder / "eval" / f"{name}.json")
    content = {"checkpoint": checkpoint, "overrides": overrides, "metrics": metrics}
    write_json(path, {**content, "labelled": {split: counted.samples}})
    console.print(metrics_table(metrics, {split: counted.samples}))
    main = {str(task): str(cfg.heads[task].metrics[0]) for task in cfg.tasks}
    for line in chance_lines(metrics, levels_of(watch.curves), main, split):
        say(line)
    for table in class_tables(watch.curves):
        say("")
        console.print(table)
    say(f"written to {path}")
    if watch.curves:
        say(f"written to {write_curves(watch.curves, path.parent, path.stem)}, and pictures beside")


def _turned(own: Mapping[str, str], overrides: Sequence[str], config_dir: Path | None) -> None:
    degrees = angles(own["rotate"])
    if "out" in own:
        raise UserError("out= goes with a single file; rotate= writes into the run's own folder")
    folder = Path(own["run"]).expanduser()
    cfg = open_run(folder, overrides, config_dir, trust=trust_of(own))
    need_checkpoint(own["checkpoint"], cfg, folder)

    from mtl.terminal import loading, say

    with loading():
        from mtl.cli.table import print_rows
        from mtl.runs.rotation.measure import flatness, measure, write

    split, checkpoint = cast(EvalSplit, own["split"]), own["checkpoint"]
    curve, main = measure(cfg, folder, degrees, split, checkpoint)
    paths = write(curve, main, folder, split, checkpoint=checkpoint, overrides=overrides)
    rows = [
        [f"{split}/{name}", *(f"{value:.4f}" for value in flatness(curve.metrics[name]).values())]
        for name in (f"{task}/{metric}" for task, metric in main.items())
        if name in curve.metrics
    ]
    for name, errors in equivariance(curve.errors).items():
        mean, _, spread = flatness(errors).values()
        rows.append([name, *(f"{v:.4f}" for v in (mean, max(errors), spread))])
    print_rows(rows, header=["metric", "mean", "worst", "spread"], right=[1, 2, 3])
    for path in paths:
        say(f"written to {path}")


def equivariance(errors: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """The errors by what they are of: once for tasks whose features are the same.

    Args:
        errors: task to one per angle.

    Returns:
        By ``box equivariance error``, or ``equivariance error`` where all tasks have the same.
    """
    tasks: dict[tuple[float, ...], list[str]] = {}
    for task, own in errors.items():
        tasks.setdefault(tuple(own), []).append(task)
    what = "equivariance error"
    return {
        what if len(tasks) == 1 else f"{', '.join(of)} {what}": [*own] for own, of in tasks.items()
    }


def _several_runs(
    own: Mapping[str, str], overrides: Sequence[str], config_dir: Path | None
) -> None:
    if "rotate" in own:
        raise UserError("rotate= measures one run: write run=DIR instead of runs=[...]")
    folders = run_list(own["runs"])
    if len(folders) < 2:
        raise UserError(
            f"runs={own['runs']}: names {len(folders)} run; an ensemble needs 2 or more"
        )
    # Copies are each network's own affair; how the networks meet is nobody's but this command's.
    ours = [o for o in overrides if key_of(o).split(".")[0] == "ensemble" and not _is_tta(o)]
    if not any(key_of(o) == "ensemble" for o in ours):
        ours.insert(0, "ensemble=mean")
    chosen = next(o.partition("=")[2] for o in reversed(ours) if key_of(o) == "ensemble")
    ensemble = load(ours, config_dir, needs_data=False).ensemble
    theirs = [o for o in overrides if o not in ours]
    trust = trust_of(own)
    members = [(folder, open_run(folder, theirs, config_dir, trust=trust)) for folder in folders]
    for folder, cfg in members:
        need_checkpoint(own["checkpoint"], cfg, folder)

    from mtl.terminal import loading, say

    with loading():
        from mtl.cli.ensemble_table import show_runs
        from mtl.cli.table import table_console
        from mtl.files import write_json
        from mtl.runs.evaluate_runs import evaluate_runs

    split, checkpoint = cast(EvalSplit, own["split"]), own["checkpoint"]
    found = evaluate_runs(members, ensemble, chosen, split, checkpoint)
    for task, reason in found.left_out.items():
        say(f"task {task} is left out: {reason}")
    name = _file_name(f"{chosen}_{split}", checkpoint)
    path = place(own, "out", Path("outputs") / "eval" / f"{name}.json")
    options = {str(k): v for k, v in ensemble.items() if k not in ("_target_", "tta")}
    content = {
        "ensemble": {"name": chosen, **options},
        "overrides": overrides,
        "checkpoint": checkpoint,
        "tasks": found.tasks,
        "left_out": found.left_out,
        "metrics": found.metrics,
        "labelled": {split: found.labelled},
        "runs": found.runs,
    }
    write_json(path, content)
    show_runs(found, chosen, table_console())
    say(f"labelled {split} samples: {', '.join(f'{t} {n}' for t, n in found.labelled.items())}")
    say(f"written to {path}")


def _keeps_samples(own: Mapping[str, str], overrides: Sequence[str]) -> bool:
    """Whether ``samples=true`` is asked for.

    Raises:
        UserError: it is neither true nor false, or others would be kept than the run's own.
    """
    if "samples" not in own:
        return False
    one_of("samples", own["samples"], ("true", "false"))
    others = [o for o in overrides if not any(fnmatchcase(key_of(o), p) for p in HARMLESS)]
    others += [f"calibrated={own['calibrated']}"] if own.get("calibrated") == "true" else []
    if own["samples"] == "true" and (others or own["checkpoint"] != "best"):
        named = others[0] if others else f"checkpoint={own['checkpoint']}"
        raise UserError(f"samples=true keeps what the run itself decides: leave out {named}")
    return own["samples"] == "true"


def _file_name(name: str, checkpoint: str) -> str:
    """The best checkpoint's file has the plain name; no other one replaces it."""
    return name if checkpoint == "best" else f"{name}_{checkpoint}"


def _is_tta(override: str) -> bool:
    return key_of(override) == "ensemble.tta"
