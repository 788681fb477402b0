"""``mtl predict``: a trained run on images and videos of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl.cli.calibrated import check_calibrated, use_calibration
from mtl.cli.named_runs import items
from mtl.cli.options import split_options
from mtl.cli.own_keys import (
    needed,
    one_of,
    own_keys,
    place,
    refuse_file,
    refuse_misspelt,
    trust_of,
    whole_number,
)
from mtl.cli.predict_file import exported_file, open_file, refuse_changes, settings_of
from mtl.config.checkpoint_names import checkpoint_file, need_checkpoint
from mtl.config.trust import Trust
from mtl.errors import UserError
from mtl.words import counted

if TYPE_CHECKING:
    from mtl.data.tile import Tiling
    from mtl.runs.prediction.decider import Decider
    from mtl.runs.prediction.work import Outcome

HELP = """\
usage: mtl predict run=DIR|FILE input=FILE|FOLDER|GLOB|- [out=DIR] [key=value ...]

Runs a trained network on images and videos, and writes what it says of them.

  run=          the folder that the training made, or an ONNX file that mtl export wrote
  input=        an image, a video, a folder of images, a glob in quotes, or -: files by stdin
  out=          where to write (predictions in the run's folder, NAME_predictions beside a file)
  formats=      some of the following ([json,pictures])
    json          predictions.json: everything in one file
    jsonl         predictions.jsonl: a line for each picture, written as it comes; always there
    csv           TASK.csv: a table for each task
    coco          TASK_coco.json: COCO results of tasks that find objects
    pictures      images and videos with what was found drawn on them
  tiles=        side in pixels of the tiles that larger images are cut into (images are not cut)
  overlap=      share of a side that neighbouring tiles have in common (0.2)
  overwrite=    true: begin anew where out= holds predictions of something else (false)
  checkpoint=   best, last, or best_<task>_<metric> (callbacks.checkpoint.monitors) (best)
  calibrated=   false: leave out what mtl calibrate found; true: complain where there is nothing
  device=       auto, cpu or cuda (auto)
  key=value     changes the run's configuration: batch_size=8
  trust=        modules whose classes the run may name: trust=[mine]
  --config-dir  a folder of your own configurations

The same command goes on where it was stopped: files that are finished are not predicted again, and
new ones are added. Files that can't be read are named, listed as skipped, and the rest goes on.

examples:
  mtl predict run=outputs/runs/NAME/TIME input=photos out=predicted
  mtl predict run=DIR 'input=archive/**/*.jpg' 'formats=[jsonl,csv]'
  mtl predict run=outputs/runs/NAME/TIME input=clip.mp4 batch_size=8
  mtl predict run=outputs/runs/NAME/TIME input=aerial.tif tiles=640 overlap=0.25
  ls photos/*.jpg | mtl predict run=outputs/runs/NAME/TIME input=-"""
KEYS = (
    "run", "input", "out", "formats", "tiles", "overlap", "overwrite", "checkpoint", "calibrated",
    "device", "trust",
)  # fmt: skip
DEVICES = ("auto", "cpu", "cuda")
OVERLAP = "0.2"


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``run=``, ``input=``, others of ``KEYS``, and overrides of the run's
            configuration.

    Returns:
        The exit code: 0 also where some of several files could not be read.

    Raises:
        UserError: an argument is wrong, or no file can be read.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    for key, example in (("run", "run=outputs/runs/NAME/TIME"), ("input", "input=photo.jpg")):
        if not own.get(key):
            raise needed(key, example, overrides, KEYS)
    refuse_misspelt(overrides, KEYS, config_dir)
    file = exported_file(rest)
    folder = Path(own["run"]).expanduser()
    refuse_file("out", own.get("out"))
    beside = folder / "predictions" if file is None else file.with_name(f"{file.stem}_predictions")
    out = place(own, "out", beside)
    one_of("device", own.get("device", "auto"), DEVICES)
    one_of("overwrite", own.get("overwrite", "false"), ("true", "false"))
    check_calibrated(own)
    if file is not None:
        refuse_changes(own, overrides)

    from mtl.runs.prediction.inputs.find import find_inputs
    from mtl.runs.prediction.outputs.registry import USUAL, check_formats

    formats = items(own["formats"]) if "formats" in own else USUAL
    check_formats(formats)
    tiling = _tiling(own)
    paths = find_inputs(own["input"])

    if file is None:
        decider, settings = _of_run(own, folder, overrides, config_dir)
    else:
        trust = Trust(trust_of(own), config_dir)
        decider, settings = open_file(file, overrides, trust), settings_of(file)

    from mtl.terminal import console, loading, say

    with loading():
        from mtl.runs.prediction.loop import Wish, predict

    wish = Wish(formats, tiling, own.get("overwrite") == "true", settings)
    say(f"{_in_words(predict(decider, paths, out, wish, console))} in {out}")
    return 0


def _of_run(
    own: Mapping[str, str], folder: Path, overrides: list[str], config_dir: Path | None
) -> tuple[Decider, dict[str, Any]]:
    """What predicts with the network of a run, and what that is called.

    Raises:
        UserError: the run or a change of it can't be used.
    """
    from mtl.runs.prediction.saved_run import open_without_data

    checkpoint = own.get("checkpoint", "best")
    cfg = open_without_data(folder, overrides, config_dir, trust_of(own))
    need_checkpoint(checkpoint, cfg, folder)

    from mtl.terminal import loading

    with loading():
        from mtl.cli.compressed_file import tell_of_file
        from mtl.runs.prediction.identity import network_digest
        from mtl.runs.prediction.predictor import Predictor

    tell_of_file(folder, "mtl predict run={} takes the file")
    predictor = Predictor.of(cfg, folder, checkpoint, own.get("device", "auto"))
    calibration = use_calibration(own, predictor.network, cfg, folder, checkpoint)
    settings = {
        "run": own["run"],
        "checkpoint": checkpoint,
        "overrides": overrides,
        "network": network_digest(cfg, checkpoint_file(folder, checkpoint)),
        "calibration": calibration and calibration.plain,
    }
    return predictor, settings


def _tiling(own: Mapping[str, str]) -> Tiling | None:
    """What ``tiles=`` and ``overlap=`` say.

    Raises:
        UserError: one is out of its range, or there is an overlap of nothing.
    """
    from mtl.data.tile import Tiling

    if "tiles" not in own:
        if "overlap" in own:
            raise UserError(f"overlap={own['overlap']}: goes with tiles=SIDE")
        return None
    side = whole_number("tiles", own["tiles"])
    text = own.get("overlap", OVERLAP)
    try:
        overlap = float(text)
    except ValueError:
        overlap = -1.0
    if not 0 <= overlap < 1:
        raise UserError(f"overlap={text}: must be a number from 0 to below 1")
    return Tiling(side, overlap)


def _in_words(outcome: Outcome) -> str:
    more = [f"{counted(outcome.before, 'file')} finished before"] if outcome.before else []
    more += [f"{len(outcome.skipped)} skipped"] if outcome.skipped else []
    others = f" ({', '.join(more)})" if more else ""
    return f"{counted(outcome.pictures, 'picture')} predicted{others}: {', '.join(outcome.there)}"
