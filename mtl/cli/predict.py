"""``mtl predict``: a trained run on images of one's own."""

from pathlib import Path

from mtl.cli.options import split_options
from mtl.cli.own_keys import needed, one_of, own_keys, place, refuse_file, trust_of
from mtl.config.checkpoint_names import check_checkpoint
from mtl.words import counted

HELP = """\
usage: mtl predict run=DIR input=FILE|FOLDER|GLOB [out=DIR] [checkpoint=best] [OVERRIDES]

Runs a trained network on images, and writes annotated pictures, masks and predictions.json.

  run=          the folder that the training made
  input=        an image, a folder of images, or a glob in quotes: 'input=photos/**/*.jpg'
  out=          where to write (predictions in the run's folder)
  checkpoint=   best, last, or best_<task>_<metric> (callbacks.checkpoint.monitors) (best)
  device=       auto, cpu or cuda (auto)
  OVERRIDES     of the run's configuration: batch_size=8
  trust=        modules whose classes the run may name: trust=[mine]
  --config-dir  a folder of your own configurations"""
KEYS = ("run", "input", "out", "checkpoint", "device", "trust")
DEVICES = ("auto", "cpu", "cuda")


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``run=``, ``input=``, ``out=`` (default ``predictions`` in the run's folder),
            ``checkpoint=``, ``device=``, and overrides of the run's configuration.

    Returns:
        The exit code: 0 also where some of several images could not be read.

    Raises:
        UserError: an argument is wrong, or no image can be read.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    for key, example in (("run", "run=outputs/runs/NAME/TIME"), ("input", "input=photo.jpg")):
        if not own.get(key):
            raise needed(key, example, overrides, KEYS)
    folder = Path(own["run"]).expanduser()
    refuse_file("out", own.get("out"))
    out = place(own, "out", folder / "predictions")
    checkpoint, device = own.get("checkpoint", "best"), own.get("device", "auto")
    one_of("device", device, DEVICES)

    from mtl.runs.prediction.inputs import find_images

    paths = find_images(own["input"])

    from mtl.runs.prediction.saved_run import open_without_data

    cfg = open_without_data(folder, overrides, config_dir, trust_of(own))
    check_checkpoint(checkpoint, cfg)

    from mtl.runs.prediction.predict import predict
    from mtl.runs.prediction.predictor import Predictor
    from mtl.terminal import console, say

    predictor = Predictor.of(cfg, folder, checkpoint, device)
    written = predict(predictor, paths, out, own["run"], console)
    skipped = f" ({len(written.skipped)} skipped)" if written.skipped else ""
    pictures = counted(len(written.images), "picture")
    say(f"{pictures} and predictions.json in {out}{skipped}")
    return 0
