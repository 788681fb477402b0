"""``mtl export``: a trained run as a file that others can use."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from omegaconf import DictConfig
from rich.progress import Progress

from mtl.cli.calibrated import check_calibrated, use_calibration
from mtl.cli.export_file import refuse_for_file
from mtl.cli.options import split_options
from mtl.cli.own_keys import (
    needed,
    one_of,
    own_keys,
    refuse_folder,
    trust_of,
    whole_number,
)
from mtl.cli.predict_file import exported_file
from mtl.config.checkpoint_names import need_checkpoint
from mtl.config.nearest import listing, unknown
from mtl.config.trust import Trust
from mtl.errors import UserError
from mtl.runs.export.formats import FORMATS
from mtl.runs.export.understood import described
from mtl.runs.prediction.saved_run import open_without_data
from mtl.words import counted

HELP = f"""\
usage: mtl export run=DIR [format=onnx] [out=FILE] [tasks=[...]] [preprocess_in_graph=true] [...]
       mtl export run=FILE preprocess_in_graph=true [out=FILE] [...]

Writes a trained network to one file, with a JSON file beside it that says what goes in and comes
out. The file is run on images of the run's validation split and held against torch, task by task;
where one differs by more than its tolerance nothing is written and the exit code is 1.

  run=                  the folder that the training made, or the ONNX file in a folder that mtl
                        compress made, to put the preprocessing around it
  format=               {listing(FORMATS)} (onnx)
  out=                  the file (exported/NAME in the run's folder)
  tasks=                only these, without the parts that only others need: tasks=[detection]
  preprocess_in_graph=  true: images of any size go in as they are, and boxes and masks come out in
                        their pixels; else normalised pictures of image_size (false)
  colours=              rgb or bgr: their order in such images (rgb)
  any_size=             true: pictures of any size go in, where no task decides in pixels (false)
  checkpoint=           best, last, or best_<task>_<metric> (best)
  calibrated=           false: leave out what mtl calibrate found; true: complain where there is
                        nothing
  images=               a file, folder or glob to hold the file against torch on, instead of the
                        run's validation split
  limit=                images of it, or all (64)
  OVERRIDES             of the run's configuration: image_size=320 ensemble.tta=[0,flip]
  trust=                modules whose classes the run may name: trust=[mine]
  --config-dir          a folder of your own configurations

examples:
  mtl export run=outputs/runs/NAME/TIME preprocess_in_graph=true out=model.onnx
  mtl export run=DIR format=openvino 'tasks=[detection]' out=detector.xml
  mtl export run=DIR/int8.onnx preprocess_in_graph=true"""
KEYS = (
    "run",
    "format",
    "out",
    "tasks",
    "preprocess_in_graph",
    "colours",
    "any_size",
    "checkpoint",
    "calibrated",
    "images",
    "limit",
    "trust",
)
MOST_IMAGES = "64"


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: see ``HELP``.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, a package is missing, or there are no images.
        RunError: the network can't be exported, or the file differs from torch.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    if not own.get("run"):
        raise needed("run", "run=outputs/runs/NAME/TIME", overrides, KEYS)
    name = own.get("format", "onnx")
    one_of("format", name, tuple(FORMATS))
    in_graph, colours, any_size = _goes_in(own)
    check_calibrated(own)
    limit = _limit(own.get("limit", MOST_IMAGES))
    file = exported_file(rest)
    if file is not None:
        refuse_for_file(file, own, overrides)
    folder = Path(own["run"]).expanduser() if file is None else file.parent
    out = _file(own, folder / "exported" / (file or Path(f"model{FORMATS[name].suffix}")).name)
    cfg = _config(own, overrides, folder, config_dir)
    tasks = _tasks(own, cfg)
    FORMATS[name].refuse_missing(name)
    paths = _images(own)
    checkpoint = own.get("checkpoint", "best")
    need_checkpoint(checkpoint, cfg, folder)

    from mtl.terminal import console, loading

    with loading():
        from mtl.cli.compressed_file import tell_of_file
        from mtl.cli.export_table import show_and_write
        from mtl.data.image_format import format_of
        from mtl.runs.export.export import Wanted, export
        from mtl.runs.export.graph import Colours
        from mtl.runs.export.pictures import images_of, images_of_run
        from mtl.runs.prediction.predictor import Predictor

    pixels = format_of(cfg.data)
    images = images_of(paths, limit, pixels) if paths else images_of_run(cfg, limit)
    if file is None:
        tell_of_file(folder, "mtl export run={} preprocess_in_graph=true takes the file")
    predictor = Predictor.of(cfg, folder, checkpoint, "cpu")
    if file is None:
        use_calibration(own, predictor.network, cfg, folder, checkpoint)
    wanted = Wanted(name, out, tasks, in_graph, cast(Colours, colours), any_size)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        doing = bar.add_task(f"writing {out.name}", total=None)

        def compared(more: int) -> None:
            bar.update(doing, description="comparing", total=len(images.places), advance=more)

        if file is None:
            made = export(predictor, cfg, wanted, images, compared)
        else:
            from mtl.runs.export.around import export_around  # which takes onnx

            trust = Trust(trust_of(own), config_dir)
            made = export_around(predictor, file, wanted, images, trust, compared)
    of = f"{counted(len(images.places), 'image')} of {images.name}"
    show_and_write(made, "torch" if file is None else f"{file}", of)
    return 0


def _goes_in(own: Mapping[str, str]) -> tuple[bool, str, bool]:
    """Whether images go in, the order of their colours, and whether pictures of any size do.

    Raises:
        UserError: one doesn't go with another.
    """
    in_graph, any_size = _flag(own, "preprocess_in_graph"), _flag(own, "any_size")
    colours = own.get("colours", "rgb")
    one_of("colours", colours, ("rgb", "bgr"))
    if colours != "rgb" and not in_graph:
        raise UserError(f"colours={colours} goes with preprocess_in_graph=true")
    if any_size and in_graph:
        raise UserError("any_size=true: with preprocess_in_graph=true images have any size already")
    return in_graph, colours, any_size


def _flag(own: Mapping[str, str], key: str) -> bool:
    value = own.get(key, "false")
    one_of(key, value, ("true", "false"))
    return value == "true"


def _limit(value: str) -> int | None:
    return None if value == "all" else whole_number("limit", value)


def _file(own: Mapping[str, str], usual: Path) -> Path:
    """Where to write.

    Args:
        own: the command's own keys.
        usual: where to without ``out=``.

    Raises:
        UserError: it is a folder, has another ending than files of the format, or the description
            beside it would take the place of another file, such as a run's results.json.
    """
    if not own.get("out"):
        return usual
    suffix = usual.suffix
    refuse_folder("out", own["out"])
    out = Path(own["out"]).expanduser()
    if out.suffix != suffix:
        raise UserError(f"out={own['out']}: give a name that ends in {suffix}")
    beside = out.with_suffix(".json")
    if beside.exists() and not described(beside):
        raise UserError(
            f"out={own['out']}: {beside} is something else, and would be replaced by the file's "
            "description; give another name"
        )
    return out


def _config(
    own: Mapping[str, str], overrides: Sequence[str], folder: Path, config_dir: Path | None
) -> DictConfig:
    """The run's, whose data must be there unless images are given."""
    needs_data = not own.get("images")
    return open_without_data(folder, overrides, config_dir, trust_of(own), needs_data)


def _tasks(own: Mapping[str, str], cfg: DictConfig) -> tuple[str, ...] | None:
    """Those that are asked for, in the run's order; None for all.

    Raises:
        UserError: the run has no such task.
    """
    if "tasks" not in own:
        return None
    given = own["tasks"].removeprefix("[").removesuffix("]").split(",")
    names = [name.strip() for name in given]
    for name in names:
        if name not in cfg.tasks:
            raise UserError(f"tasks={own['tasks']}: {unknown('task', name, list(cfg.tasks))}")
    return tuple(task for task in cfg.tasks if task in names)


def _images(own: Mapping[str, str]) -> list[Path]:
    """Those that are given."""
    if not own.get("images"):
        return []
    from mtl.runs.prediction.inputs.find import find_images

    try:
        return find_images(own["images"])
    except UserError as error:
        raise UserError(str(error).replace("input=", "images=", 1)) from error
