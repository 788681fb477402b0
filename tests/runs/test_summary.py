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
from mtl.runs import summary
from mtl.runs.said import unsaid
from mtl.words import some

pytestmark = pytest.mark.slow

BASE = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4"]
TRAINER: Any = SimpleNamespace(
    strategy=SimpleNamespace(root_device=torch.device("cpu")), world_size=1, precision="32-true"
)


@pytest.fixture(scope="module")
def cfg(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(BASE, write_conf(tmp_path_factory.mktemp("conf")))


def printed(
    folder: Path,
    cfg: Any,
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool = True,
    **changes: object,
) -> list[str]:
    """What is said, on a terminal of 80 columns or into a pipe."""
    cfg = cfg.copy()
    for key, value in changes.items():
        OmegaConf.update(cfg, key, value)
    data = build_data(cfg)
    file = io.StringIO()
    width = 80 if terminal else 500
    console = Console(
        file=file, force_terminal=terminal, width=width, color_system=None, soft_wrap=True
    )
    monkeypatch.setattr(summary, "console", console)
    network = build_network(cfg, data.targets)
    summary.print_summary(cfg, folder, Looked(cfg, data), network, TRAINER)
    return file.getvalue().splitlines()


def test_it_is_short_and_tells_what_was_chosen(cfg, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = printed(tmp_path / "run", cfg, monkeypatch, terminal=False)
    assert lines[0] == "run run, where config.yaml has all settings"
    assert lines[1:4] == [
        "tasks     a, b",
        "data      Alternating: train 20, val 10, test 10",
        "          3 classes of a: x, y, z",
    ]
    # Of every five samples, the first and third are labelled for a, the second and fourth for b.
    assert lines[4:7] == [
        "          2 classes of b: no, yes",
        "          labelled for a: train 8, val 4, test 4",
        "          labelled for b: train 8, val 4, test 4",
    ]
    assert lines[7].startswith("network   PlainBackbone, encoder shared: 0.00 M parameters, ")
    assert lines[8].startswith("training  ")
    assert "batch_size 4, adamw with lr" in lines[8]
    assert lines[8].endswith(", precision 32-true")
    assert lines[9].startswith("changed   ")
    assert "augmentation=none" in lines[9].split()
    assert len(lines) == 10


def test_lines_end_between_words_and_stay_beside_their_label(cfg, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = printed(tmp_path / "run", cfg, monkeypatch, terminal=False)
    lines = printed(tmp_path / "run", cfg, monkeypatch)
    assert max(map(len, lines[1:])) <= 80
    assert {line[:10].strip() for line in lines[1:]} == {
        *("tasks", "data", "network", "training", "changed", ""),
    }
    assert " ".join(lines[1:]).split() == " ".join(whole[1:]).split()


def test_later_jobs_of_a_sweep_say_what_follows_from_their_keys(cfg, tmp_path, monkeypatch):
    (tmp_path / SWEEP_FILE).write_text("{}")
    first = printed(tmp_path / "a", cfg, monkeypatch)
    assert first[0].startswith("run")
    assert printed(tmp_path / "b", cfg, monkeypatch, seed=2) == []
    assert printed(tmp_path / BASELINES.name / "box", cfg, monkeypatch) == []
    third = printed(tmp_path / "c", cfg, monkeypatch, **{"heads.a.hidden": 4, "data.val": 5})
    assert third[0] == "data      Alternating: train 20, val 5, test 10"
    assert not any(line.startswith(("run", "tasks", "training", "changed")) for line in third)


def test_long_lists_of_classes_are_cut() -> None:
    names = tuple(f"c{number}" for number in range(12))
    assert some(names) == "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more"
    assert some(names[:11]).endswith("c8, c9, c10")


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
