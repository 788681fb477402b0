"""What a run says of itself before it begins."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from rich.console import Console
from training_kit import SIZE, Watched, write_conf

from mtl.config.load import load
from mtl.config.paths import BASELINES, SWEEP_FILE
from mtl.data.build import build_data
from mtl.data.inspection.label_counts import LabelCounts, label_counts
from mtl.data.inspection.looked import Looked
from mtl.data.sample import Boxes, Target
from mtl.data.sources.base import ArraySource, Source
from mtl.data.sources.limited import limited
from mtl.errors import BadFile
from mtl.model.build import build_network
from mtl.runs import tree
from mtl.runs.said import unsaid

pytestmark = pytest.mark.slow

BASE = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4"]
TRAINER: Any = SimpleNamespace(
    strategy=SimpleNamespace(root_device=torch.device("cpu")), world_size=1, precision="32-true"
)


@pytest.fixture(scope="module")
def cfg(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(BASE, write_conf(tmp_path_factory.mktemp("conf")))


def printed(
    folder: Path, cfg: Any, monkeypatch: pytest.MonkeyPatch, **changes: object
) -> list[str]:
    """The tree on a terminal of 80 columns."""
    cfg = cfg.copy()
    for key, value in changes.items():
        OmegaConf.update(cfg, key, value)
    data = build_data(cfg)
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, color_system=None, soft_wrap=True)
    monkeypatch.setattr(tree, "console", console)
    tree.print_config(cfg, folder, Looked(cfg, data), build_network(cfg, data.targets), TRAINER)
    return file.getvalue().splitlines()


def test_device_classes_and_labelled_samples(cfg, tmp_path: Path, monkeypatch) -> None:
    lines = printed(tmp_path / "run", cfg, monkeypatch)
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).translate({ord(c): None for c in "│├└─"}).split())
    assert "hflip=0.0 vflip=0.0" in text
    assert "precision 32-true 3 classes of a: x, y, z 2 classes of b: no, yes samples:" in text
    # Of every five samples, the first and third are labelled for a, the second and fourth for b.
    assert "samples: train 20 val 10 test 10 labelled for a: train 8 val 4 test 4" in text
    assert "labelled for b: train 8 val 4 test 4 parameters: 0.00 M" in text


def test_later_jobs_of_a_sweep_say_what_follows_from_their_keys(cfg, tmp_path, monkeypatch):
    (tmp_path / SWEEP_FILE).write_text("{}")
    first = printed(tmp_path / "a", cfg, monkeypatch)
    assert first[0] == f"run {tmp_path / 'a'}"[:80]
    assert printed(tmp_path / "b", cfg, monkeypatch, seed=2) == []
    assert printed(tmp_path / BASELINES.name / "box", cfg, monkeypatch) == []
    third = printed(tmp_path / "c", cfg, monkeypatch, **{"heads.a.hidden": 4, "data.val": 5})
    assert third[:4] == [
        *("data Alternating  val=5", "heads", "└── a Classification  hidden=4"),
        "samples: train 20  val 5  test 10",
    ]


def test_long_lists_of_classes_are_cut() -> None:
    names = tuple(f"c{number}" for number in range(12))
    assert tree._some(names) == "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more"
    assert tree._some(names[:10]).endswith("c8, c9")


class Telling(Watched):
    """Every fourth sample has a label, and the second is broken."""

    def annotations(self, index: int) -> dict[str, object]:
        if index == 1:
            raise BadFile("x.xml", "is broken")
        return {"label": 1} if index % 4 == 0 else {}


MEANING = {
    "label": Target("label", ("x", "y")),
    "boxes": Target("boxes", ("x", "y")),
    "mask": Target("mask", ("nothing", "x")),
}


def arrays(count: int) -> ArraySource:
    none = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    columns = {
        "label": np.where(np.arange(count) % 3 == 0, 1, -1),
        "boxes": [none if number % 2 else None for number in range(count)],
    }
    ids = [str(number) for number in range(count)]
    images = np.zeros((count, SIZE, SIZE, 3), np.uint8)
    return ArraySource(images, ids, columns, MEANING)


def counted(source: Source, *names: str) -> LabelCounts | None:
    targets = {name: MEANING[name] for name in names}
    looked: Any = SimpleNamespace(sources={"val": source}, targets=targets)
    return label_counts(looked, "val")


def test_labelled_samples_are_counted() -> None:
    found = counted(arrays(9), "label", "boxes", "mask")
    assert found == LabelCounts({"label": 3, "boxes": 4, "mask": 0}, exact=True)
    assert counted(Telling(arrays(9)), "label") == LabelCounts({"label": 3}, exact=True)


def test_large_splits_are_estimated_from_some() -> None:
    found = counted(Telling(arrays(300)), "label")
    seen = [number * 3 // 2 for number in range(200)]
    labelled = sum(number % 4 == 0 for number in seen)
    assert found == LabelCounts({"label": round(labelled * 1.5)}, exact=False)


def test_images_are_not_read_for_it() -> None:
    class Closed(Source):
        def __len__(self) -> int:
            return 3

        def id(self, index: int) -> str:
            return "x"

        def read(self, index: int, size: int | None = None) -> Any:
            pytest.fail("an image was read")

    assert counted(Closed(), "label") is None
    assert counted(limited(Closed(), 2), "label") is None


def test_jobs_of_a_sweep_say_a_finding_once(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / SWEEP_FILE).write_text("{}")
    first, second, alone = tmp_path / "sweep/a", tmp_path / "sweep/b", tmp_path / "runs/a"
    assert unsaid(first, ["no val split", "one class"]) == ["no val split", "one class"]
    assert unsaid(second, ["no val split", "two classes"]) == ["two classes"]
    assert unsaid(alone, ["no val split"]) == unsaid(alone, ["no val split"]) == ["no val split"]
