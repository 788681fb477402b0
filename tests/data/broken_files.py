"""Small files of every kind that is read, each whole, and what opens it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import coco_kit
import numpy as np
import test_csv
import test_dense_arrays
import test_multi_digits
import test_yolo
import torch
from cache_kit import SIDE, TARGETS, Stretch, voc_source
from cifar_factory import make_cifar
from made_up_runs import config, write_run
from optuna.distributions import CategoricalDistribution
from PIL import Image
from voc_factory import make_voc

from mtl.cli.status import run as status
from mtl.cli.sweeps.record import Record
from mtl.cli.sweeps.search.trials import Trials
from mtl.data.image_file import read_image, read_mask
from mtl.data.loading.cache import CachedSource
from mtl.data.raw_image import read_raw
from mtl.data.sources.cifar import Cifar10
from mtl.data.sources.digit_files import read_digits
from mtl.data.sources.multi_digits import DIGITS
from mtl.data.sources.nyuv2 import NyuV2
from mtl.data.sources.voc_annotation import parse_annotation
from mtl.data.sources.yolo_labels import parse_labels
from mtl.learning.checkpoints import read_checkpoint
from mtl.model.backbone.weights import read_weights
from mtl.model.samples.ids import packed
from mtl.runs.calibration.file import read_calibration
from mtl.runs.collection.read import read_run
from mtl.runs.kept_step import kept_step
from mtl.runs.page.gather.scalars import read_scalars
from mtl.runs.prediction.journal import Journal
from mtl.runs.samples import KeptSamples

Read = Callable[[Path], object]
"""Opens a file in the folder that it was made in."""


@dataclass(frozen=True)
class Kind:
    """A kind of file, and what is said of one that was harmed; None where that does no harm.

    Args:
        make: writes all that it takes to be read into a folder; returns the file.
        read: opens it.
        gone: it is not there.
        empty: nothing is in it.
        cut: half of it is.
        page: it is a page of HTML, as a download leaves that failed.
        noise: it is 300 random bytes.
        folder: a folder is in its place.
    """

    make: Callable[[Path], Path]
    read: Read
    gone: str | None
    empty: str | None
    cut: str | None
    page: str | None
    noise: str | None
    folder: str | None


def image(name: str, mode: str = "RGB") -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        shape = (24, 32, 3) if mode == "RGB" else (24, 32)
        noise = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        Image.fromarray(noise).save(root / name)
        return root / name

    return make


def written(name: str, content: object) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return root / name

    return make


def saved(name: str, content: object) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        torch.save(content, root / name)
        return root / name

    return make


def array(root: Path) -> Path:
    np.save(root / "x.npy", np.zeros((4, 6, 3), np.float32))
    return root / "x.npy"


def annotation(root: Path) -> Path:
    return make_voc(root, n_train=1, size=(32, 24), masks=False) / "Annotations" / "train0.xml"


def coco(root: Path) -> Path:
    coco_kit.pictures(root / "train", "a.png")
    listed = coco_kit.images("a.png")
    return coco_kit.write(
        root / "annotations" / "instances_train.json",
        listed,
        [coco_kit.annotation(10, 7, (1, 1, 5, 5))],
    )


def yolo(name: str) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        test_yolo.made(root, a="7 0.5 0.5 0.2 0.4\n")
        return root / name

    return make


def table(root: Path) -> Path:
    for name in ("a.png", "b.png", "sub/c.png"):
        test_csv.image(root / "photos" / name)
    (root / "table.csv").write_text(test_csv.TABLE)
    return root / "table.csv"


def digits(root: Path) -> Path:
    return test_multi_digits.idx(root, packed=True) / "train-images-idx3-ubyte.gz"


def cifar(root: Path) -> Path:
    return make_cifar(root) / "cifar-10-batches-py" / "data_batch_1"


def dense(root: Path) -> Path:
    return test_dense_arrays.fill(root, train=1, val=1) / "train" / "image" / "0.npy"


def run_file(name: str) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        return write_run(root / "run", config(), {"box/iou": 0.5}) / name

    return make


def samples(root: Path) -> Path:
    columns: dict[str, Any] = {"ids": packed(["x", "y"]), "kind": np.array("values")}
    columns |= {"metric": np.array("accuracy"), "value": np.ones(2), "right": np.ones(2, bool)}
    (root / "samples").mkdir()
    np.savez(root / "samples" / "test.npz", **{f"a/{name}": own for name, own in columns.items()})
    return root / "samples" / "test.npz"


KEPT = {"task": "a", "epoch": 1, "step": 1, "later": 0, "samples": ["x"], "batches": [[[0, 0]]]}
KEPT |= {"eval": [], "retired": []}
CALIBRATED = {"mtl_calibration": 1, "network": "x", "tasks": {}}


def study(root: Path) -> Path:
    (root / "study.db").write_bytes(new_study())
    return root / "study.db"


@cache
def new_study() -> bytes:
    """To make one takes longer than to read it."""
    with TemporaryDirectory() as folder:
        search(Path(folder))
        return (Path(folder) / "study.db").read_bytes()


def search(root: Path) -> object:
    settings = {"sampler": "grid", "seed": 0, "trials": 2}
    return Trials(root, {"lr": CategoricalDistribution([1.0, 2.0])}, ["maximize"], settings, 1)


def opened_cifar(root: Path) -> object:
    own: Any = {"download": False, "verify": False, "val_fraction": 0.0, "split_seed": 0}
    return Cifar10(root=str(root), image_size=32, **own).split("train")


def opened_dense(root: Path) -> object:
    source = NyuV2(root=str(root), image_size=16, val_fraction=0.0).split("train")
    assert source is not None
    return source.read(0)


def cached(name: str) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        make_voc(root, n_train=2, size=(32, 24))
        through_cache(root)
        return next((root / "cache").glob(f"*/*/{name}"))

    return make


def through_cache(root: Path) -> object:
    source = voc_source(root)
    kept = CachedSource.open(source, TARGETS, Stretch(SIDE), root / "cache")
    assert kept.read(0).image.shape == (SIDE, SIDE, 3)
    return kept


IS_DIRECTORY = "can't be read (Is a directory)"
NO_IMAGE = "is not an image"
NO_ARRAY = "it begins like no array"
NO_TENSORS = "it holds more than tensors and plain containers, or is something else"
NO_JSON = "can't be read as JSON (Expecting value: line 1"
FINE: tuple[None, ...] = (None,) * 5
PICTURE = ("does not exist", "is empty", "is a broken image", NO_IMAGE, NO_IMAGE, IS_DIRECTORY)
JSON = ("is empty", "can't be read as JSON (", NO_JSON, "is no text", IS_DIRECTORY)
NO_DIGITS = "holds no training pictures: wanted are"
NO_COCO = "has no json file of training annotations"
NO_TABLE = "has no table (.csv, .tsv"
STUDY = "study.db: can't be read ("
NOT_TRIED = ""
NO_FILE = "can't be read (No such file or directory)"

KINDS: Mapping[str, Kind] = {
    "JPEG": Kind(image("x.jpg"), lambda root: read_image(root / "x.jpg"), *PICTURE),
    "PNG": Kind(image("x.png"), lambda root: read_image(root / "x.png"), *PICTURE),
    "TIFF": Kind(image("x.tif"), lambda root: read_image(root / "x.tif"), *PICTURE),
    "WebP": Kind(image("x.webp"), lambda root: read_image(root / "x.webp"), *PICTURE),
    "mask": Kind(image("x.png", "L"), lambda root: read_mask(root / "x.png"), *PICTURE),
    "array": Kind(
        array,
        lambda root: read_raw(root / "x.npy", 3),
        "does not exist",
        "is a broken array (it is empty)",
        "is a broken array (it is cut off)",
        NO_ARRAY,
        NO_ARRAY,
        IS_DIRECTORY,
    ),
    "VOC annotation": Kind(
        annotation,
        lambda root: parse_annotation(root / "Annotations" / "train0.xml"),
        NO_FILE,
        "is not well-formed XML (no element found",
        "is not well-formed XML (unclosed token: line 1",
        "is no VOC annotation (it begins with <html>)",
        "is not text in the encoding utf-8; name its encoding in the first line",
        IS_DIRECTORY,
    ),
    "COCO": Kind(
        coco,
        lambda root: coco_kit.opened(root, val_fraction=0.0),
        NO_COCO,
        "ends in the middle of its JSON; it is cut off",
        "is no JSON: Unterminated string",
        "is no JSON, which is to be an object of lists",
        "is no JSON, which is to be an object of lists",
        NO_COCO,
    ),
    "YOLO labels": Kind(
        yolo("labels/a.txt"),
        lambda root: parse_labels(root / "labels/a.txt"),
        NO_FILE,
        None,
        "object 1 has 3 columns; a box has 5",
        "object 1 isn't made of numbers: <!DOCTYPE html>",
        "object 1 isn't made of numbers: ",
        IS_DIRECTORY,
    ),
    "YOLO description": Kind(
        yolo("data.yaml"),
        lambda root: test_yolo.opened(root, val_fraction=0.0),
        "has neither data.yaml nor classes.txt; one of them names the classes",
        "has no names; they are the classes, as a list",
        "is no yaml (could not find expected ':'",
        "has no names; they are the classes, as a list",
        "is no yaml (unacceptable character",
        IS_DIRECTORY,
    ),
    "table": Kind(
        table,
        test_csv.opened,
        NO_TABLE,
        "is empty, or its first line",
        "line 2 has 3 cells, and the first line names 5 columns",
        "no column is the image; data.columns={NAME: image, ...}",
        "is no text in UTF-8; save it as UTF-8",
        NO_TABLE,
    ),
    "MNIST": Kind(
        digits,
        lambda root: read_digits(root, "data.root", DIGITS),
        NO_DIGITS,
        "is no idx file of bytes with 3 axes",
        "Compressed file ended before the end-of-stream marker",
        "can't be read: Not a gzipped file",
        "can't be read: Not a gzipped file",
        NO_DIGITS,
    ),
    "CIFAR": Kind(
        cifar,
        opened_cifar,
        "is not a readable CIFAR file: No such file or directory",
        "is not a readable CIFAR file: pickle exhausted",
        "is not a readable CIFAR file: expected 18460 bytes",
        "is not a readable CIFAR file: at position 0, opcode",
        "is not a readable CIFAR file: at position 0, opcode",
        "is not a readable CIFAR file: Is a directory",
    ),
    "NYUv2": Kind(
        dense,
        opened_dense,
        "holds no train/image/0.npy and so on; data.root is the folder that holds train and val",
        "is no readable .npy file: it is empty",
        "is no readable .npy file: it is cut off",
        NO_ARRAY,
        NO_ARRAY,
        "is no readable .npy file: Is a directory",
    ),
    "checkpoint": Kind(
        saved("x.ckpt", {"state_dict": {"a": torch.zeros(99)}, "mtl": {}}),
        lambda root: read_checkpoint(root / "x.ckpt"),
        "no checkpoint at ",
        "can't be read as a checkpoint (it is empty)",
        "can't be read as a checkpoint (it is cut off or damaged)",
        f"can't be read as a checkpoint ({NO_TENSORS})",
        f"can't be read as a checkpoint ({NO_TENSORS})",
        "no checkpoint at ",
    ),
    "weights": Kind(
        saved("x.pt", {"a": torch.zeros(99)}),
        lambda root: read_weights(str(root / "x.pt")),
        "no such file; allowed: none, imagenet, or a file",
        "can't be read as weights (it is empty)",
        "can't be read as weights (it is cut off or damaged)",
        f"can't be read as weights ({NO_TENSORS})",
        f"can't be read as weights ({NO_TENSORS})",
        "no such file; allowed: none, imagenet, or a file",
    ),
    "config.yaml": Kind(
        run_file("config.yaml"),
        lambda root: read_run(root / "run"),
        "has no config.yaml",
        "is empty",
        "no tasks with their heads",
        "is not the configuration of a run",
        "can't be read (",
        "has no config.yaml",
    ),
    "results.json": Kind(
        run_file("results.json"),
        lambda root: read_run(root / "run"),
        "says finished without results.json",
        *JSON,
    ),
    "status.json": Kind(run_file("status.json"), lambda root: read_run(root / "run"), None, *JSON),
    "calibration.json": Kind(
        written("calibration.json", CALIBRATED),
        read_calibration,
        None,
        *JSON[:-1],
        "remove it, or write it anew: mtl calibrate run=",
    ),
    "samples": Kind(
        samples,
        KeptSamples.load,
        None,
        "holds no kept samples (it is empty); mtl eval run=",
        "holds no kept samples (File is not a zip file); mtl eval run=",
        NO_ARRAY,
        NO_ARRAY,
        "holds no kept samples (Is a directory)",
    ),
    "not_finite/batch.json": Kind(
        written("not_finite/batch.json", KEPT),
        kept_step,
        "no loss of this run was not finite",
        *JSON,
    ),
    "sweep.json": Kind(
        written("sweep.json", {"jobs": 1, "names": ["a"]}),
        lambda root: status([f"sweep={root}"]),
        "no sweep.json in it",
        *JSON,
    ),
    "study.db": Kind(study, search, NOT_TRIED, None, STUDY, STUDY, NOT_TRIED, NOT_TRIED),
    "images in the cache": Kind(cached("images.npy"), through_cache, None, *FINE),
    "index of the cache": Kind(cached("targets.npz"), through_cache, None, *FINE),
    "keys of the cache": Kind(cached("keys.bin"), through_cache, None, *FINE),
    "jobs.jsonl": Kind(
        written("jobs.jsonl", '{"job": "a", "state": "failed"}\n[1]\n'),
        lambda root: Record(root).last(),
        *FINE,
        NOT_TRIED,
    ),
    "journal": Kind(
        written("x.jsonl", '{"file": "a.png", "width": 3}\n[1]\n'),
        lambda root: [*Journal(root / "x.jsonl").entries()],
        *FINE,
        NOT_TRIED,
    ),
    "metrics.csv": Kind(
        written("metrics.csv", "step,metric,value\n1,val/loss,0.5\n"), read_scalars, None, *FINE
    ),
}
"""In the order of ``HARMS``."""
