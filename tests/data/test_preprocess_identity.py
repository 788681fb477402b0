"""By what the cache tells one preprocessing from another."""

import functools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mtl.data.preprocess.base import Frame, Preprocess
from mtl.data.preprocess.denoise import Denoise
from mtl.data.preprocess.enhance import Enhance
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Sample
from mtl.errors import UserError

HALF = (0.5, 0.5, 0.5)


class Own(Preprocess):
    """A user's, with a setting of any kind."""

    def __init__(self, image_size: int, setting: Any = None) -> None:
        super().__init__(image_size, HALF, HALF)
        self.drawn = np.random.default_rng().random(3)
        self.setting = setting

    def __call__(self, sample: Sample) -> tuple[Sample, Frame]:
        return sample, Frame(1, 1, 1, 1)


class Newer(Own):
    version = 2


def brighter(by: int) -> Callable[[int], int]:
    return lambda pixel: pixel + by


def key(setting: Any) -> str:
    return Own(8, setting).key()


def test_equal_settings_are_equal_however_they_are_written() -> None:
    assert Standard(32, HALF, HALF).key() == Standard(32, HALF, HALF, "stretch").key()
    assert Standard(32, HALF, HALF).key() == Standard(image_size=32, mean=HALF, std=(1, 1, 1)).key()
    # What the object made itself is no setting.
    assert Own(8).key() == Own(8).key()


def test_other_settings_classes_and_versions_differ() -> None:
    keys = [
        Standard(32, HALF, HALF).key(),
        Standard(33, HALF, HALF).key(),
        Standard(32, HALF, HALF, "letterbox").key(),
        Denoise(32, HALF, HALF).key(),
        Denoise(32, HALF, HALF, kernel=5).key(),
        Enhance(32, HALF, HALF).key(),
        Own(32).key(),
        Newer(32).key(),
    ]
    assert len(set(keys)) == len(keys)


def test_a_class_of_the_same_name_in_another_module_differs() -> None:
    other = type("Own", (Own,), {"__module__": "elsewhere", "__qualname__": "Own"})
    assert other(8).key() != Own(8).key()


def test_a_bases_new_version_counts_for_what_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Denoise(32, HALF, HALF).key()
    monkeypatch.setattr(Standard, "version", 2, raising=False)
    assert Denoise(32, HALF, HALF).key() != before


LARGE = np.arange(10_000)
OTHER = np.where(LARGE == 5000, 0, LARGE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # repr() of these is the same.
        (LARGE, OTHER),
        (torch.from_numpy(LARGE), torch.from_numpy(OTHER)),
        ([LARGE], [OTHER]),
        (np.zeros(2, np.uint8), np.zeros(2, np.int8)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (brighter(1), brighter(2)),
        (lambda pixel: pixel + 1, lambda pixel: pixel + 2),
        (lambda pixel, by=1: pixel + by, lambda pixel, by=2: pixel + by),
        (functools.partial(max, 1), functools.partial(max, 2)),
        (functools.partial(max, 1), functools.partial(min, 1)),
        (np.add, np.subtract),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        (1, "1"),
        (1, None),
        (b"1", b"2"),
        (int, float),
    ],
)
def test_different_values_differ(one: Any, other: Any) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LARGE, LARGE.copy()),
        (brighter(1), brighter(1)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({3, 1, 2}, {2, 3, 1}),
        (np.float32(0.5), 0.5),
        ((1, 2), [1, 2]),
    ],
)
def test_equal_values_are_equal(one: Any, other: Any) -> None:
    """Functions have another repr() each time they are made."""
    assert key(one) == key(other)


def test_what_has_no_name_is_refused() -> None:
    message = r"can't tell one preprocess\.setting from another \(object\); say it in the prepro"
    with pytest.raises(UserError, match=message):
        key(object())


def test_a_copy_keeps_its_settings_and_wrong_arguments_are_refused_as_ever() -> None:
    steps = Denoise(32, HALF, HALF, kernel=5)
    assert pickle.loads(pickle.dumps(steps)).key() == steps.key()
    with pytest.raises(TypeError, match="kernels"):
        Denoise(32, HALF, HALF, kernels=5)  # type: ignore[call-arg]
