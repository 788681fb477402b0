"""Rare classes come more often."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_kit import label_of, write_conf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.data.loading.balance import balanced
from mtl.data.loading.shares import Shares
from mtl.data.sample import Sample, Target
from mtl.data.sources.base import ArraySource, Source
from mtl.errors import BadFile, UserError

LABEL = Target("label", ["a", "b"])
TAGS = Target("labels", ["a", "b", "c"])


class Told(Source):
    """Samples whose annotations are told; None is a broken file."""

    def __init__(self, annotations: list[Mapping[str, Any] | None]) -> None:
        self.told = annotations

    def __len__(self) -> int:
        return len(self.told)

    def id(self, index: int) -> str:
        return f"{index}"

    def annotations(self, index: int) -> Mapping[str, Any]:
        found = self.told[index]
        if found is None:
            raise BadFile(self.id(index), "is broken")
        return found

    def read(self, index: int, size: int | None = None) -> Sample:
        raise AssertionError("no image is needed")


def of_labels(*labels: int) -> ArraySource:
    images = np.zeros((len(labels), 2, 2, 3), np.uint8)
    column = np.array(labels, np.int64)
    ids = [str(index) for index in range(len(labels))]
    return ArraySource(images, ids, {"label": column}, {"label": LABEL})


def drawn(shares: Shares, number: int) -> list[float]:
    """How often each sample is drawn, on the average."""
    wanted = np.array(shares.shares) / sum(shares.shares) * number
    sizes = np.bincount(shares.groups)
    return [float(wanted[group] / sizes[group]) for group in shares.groups]


@pytest.mark.parametrize(
    ("power", "frequent", "rare"),
    [
        (0.0, 1.0, 1.0),
        (1.0, 4 / 6, 4 / 2),  # eight labelled samples, four of each class
        # 6 / sqrt(6) and 2 / sqrt(2) to eight: 5.072 and 2.928 draws
        (0.5, 5.0718 / 6, 2.9282 / 2),
    ],
)
def test_by_inverse_frequency(power: float, frequent: float, rare: float) -> None:
    source = of_labels(0, 0, 0, 0, 0, 0, 1, 1, -1, -1)
    shares = balanced(source, "label", LABEL, power, None)
    expected = [frequent] * 6 + [rare] * 2 + [1.0] * 2
    assert drawn(shares, 10) == pytest.approx(expected, abs=1e-4)


def test_the_rarest_class_of_a_sample_counts_and_broken_ones_show_none() -> None:
    """a in four samples, b in two, c in one."""
    shown: list[list[int] | None] = [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0], None]
    source = Told([None if tags is None else {"tags": np.array(tags)} for tags in shown])
    shares = balanced(source, "tags", TAGS, 1.0, None)
    # Weights 1/4, 1/4, 1/2 and 1 of four draws in all, which is twice that.
    assert drawn(shares, 6) == pytest.approx([0.5, 0.5, 1.0, 2.0, 1.0, 1.0])


def test_sets_keep_their_shares() -> None:
    source = of_labels(0, 0, 0, 1, -1, -1)
    sets = Shares(np.array([0, 0, 0, 0, 1, 1]), [1.0, 2.0])
    shares = balanced(source, "label", LABEL, 1.0, sets)
    assert drawn(shares, 6) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (of_labels(-1, -1), LABEL, r"data\.balance=label: no training sample shows a class"),
        (of_labels(0), Target("depth", []), "depth has no classes"),
    ],
)
def test_what_cannot_be_balanced(source: Source, target: Target, message: str) -> None:
    with pytest.raises(UserError, match=message):
        balanced(source, "label", target, 1.0, None)


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


def test_an_epoch_of_training(conf: Path) -> None:
    """Classes x, y and z of four, two and two samples are drawn 3, 3 and 2 times."""
    cfg = load(["data=alternating", "data.train=20", "data.balance=a", "batch_size=5"], conf)
    sampler: Any = build_data(cfg).loader("train", training=True).batch_sampler
    epochs = []
    for epoch in (0, 1, 1):
        sampler.sampler.set_epoch(epoch)
        epochs.append([position for batch in sampler for _, position in batch])
    for order in epochs:
        counts = Counter(label_of(position % 20)[0] for position in order)
        assert (counts[0], counts[1], counts[2], counts[-1]) == (3, 3, 2, 12)
    assert epochs[1] == epochs[2] != epochs[0]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (["data.balance=c"], r"data\.balance: no target 'c'. There are: a, b"),
        (["data.balance_power=-1"], "must be at least 0"),
        (
            [
                "data=mixed",
                "data@data.sets.x=shapes",
                "data.batches=apart",
                "data.balance=x.label",
            ],
            r"write data\.batches=mixed",
        ),
        (
            ["data=mixed", "data@data.sets.x=alternating", "data.sets.x.balance=a"],
            r"is one for all sets; write data\.balance=",
        ),
    ],
)
def test_mistakes(conf: Path, own: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(["data=alternating", *own], conf)
