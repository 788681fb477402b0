"""Kinds of a user's own go through everything with their values intact, or are refused."""

import pickle
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_kinds_kit import MEANING, SIDE, Depth, Numbers, Smooth, Weather, image, values
from rich.console import Console

from mtl.config.kinds import KINDS
from mtl.data.augmentation.batch import BatchAugmenter, move
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import collate
from mtl.data.inspection.draw import draw_targets
from mtl.data.inspection.report import print_report
from mtl.data.inspection.samples import separated
from mtl.data.inspection.statistics import count
from mtl.data.loading.cache import CachedSource
from mtl.data.loading.loader import ArrayLoading, SampleLoading, preprocessed
from mtl.data.loading.module import MultiTaskData
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.sources.base import ArraySource
from mtl.data.sources.known_classes import KnownClasses
from mtl.data.target.base import TargetKind
from mtl.data.target.motion import Motion
from mtl.errors import BadFile, UserError

NAN = np.nan
HALF = (0.5,) * 3
KEYS = [(0, index) for index in range(6)]
SQUARE = np.array([[1.5, 2.25], [3.7, NAN]], np.float32)
NUMBERS = np.array([3.7, NAN], np.float32)


def equal(found: Any, expected: Any) -> None:
    """To the bit, float32 on both sides; unknown equals unknown."""
    found = np.asarray(found)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.asarray(expected, np.float32))


def square(side: int = 2) -> Sample:
    """Four numbers as a picture of 2 x 2 pixels."""
    pixels = np.zeros((side, side, 3), np.uint8)
    targets = {"depth": SQUARE, "smooth": SQUARE, "numbers": NUMBERS}
    return Sample(pixels, "square", targets, meaning=MEANING)


def weather(tmp_path: Path, in_memory: bool, **steps: Any) -> MultiTaskData:
    for index in range(6):
        (tmp_path / str(index)).touch()
    data_set = Weather(image_size=SIDE, in_memory=in_memory, root=str(tmp_path))
    spec = Augmentation(**steps)
    return MultiTaskData(data_set, Standard(SIDE, HALF, HALF), spec, 6, seed=0, workers=0)


def test_stretching_doubles_each_number() -> None:
    done, _ = Standard(4, HALF, HALF)(square())
    doubled = [[1.5, 1.5, 2.25, 2.25]] * 2 + [[3.7, 3.7, NAN, NAN]] * 2
    equal(done.targets["depth"], doubled)
    equal(done.targets["numbers"], NUMBERS)


def test_smooth_numbers_are_mixed_and_never_with_what_is_unknown() -> None:
    row = np.array([[0, 4]], np.float32)
    frame = Frame(2, 1, 2, 2)
    equal(Smooth().resized(row, frame, 4)[0], [0, 1, 3, 4])
    row = np.array([[0, 4, NAN]], np.float32)
    resized = Smooth().resized(row, Frame(3, 1, 2, 2, 0, 2), 6)
    equal(resized[1:4], [[NAN] * 6, *[[0, 1, 3, NAN, NAN, NAN]] * 2])


def test_letterboxing_leaves_unknown_what_it_adds_and_the_way_back_cuts_it_off() -> None:
    wide = np.array([[1.5, 2.25, 3.7, NAN]], np.float32)
    given = Sample(np.zeros((1, 4, 3), np.uint8), "", {"depth": wide}, meaning=MEANING)
    done, frame = Standard(4, HALF, HALF, "letterbox")(given)
    unknown = [NAN] * 4
    equal(done.targets["depth"], [unknown, wide[0], unknown, unknown])
    for kind in (Depth(), Smooth()):
        equal(kind.to_original(done.targets["depth"], frame), wide)


@pytest.mark.parametrize("name", ["depth", "smooth"])
def test_a_mirror_and_a_quarter_turn_by_hand_in_the_sample_engine(name: str) -> None:
    mirrored = SampleAugmenter(Augmentation(hflip=1), 2)(square(), 0)
    equal(mirrored.targets[name], [[2.25, 1.5], [NAN, 3.7]])
    turned = SampleAugmenter(Augmentation(angles=[90]), 2)(square(), 0)
    equal(turned.targets[name], [[2.25, NAN], [1.5, 3.7]])
    for done in (mirrored, turned):
        equal(done.targets["numbers"], NUMBERS)


@pytest.mark.parametrize("name", ["depth", "smooth"])
def test_a_mirror_and_a_quarter_turn_by_hand_in_the_batch_engine(name: str) -> None:
    batch = collate([square(), square()], MEANING, copy=[0, 0])
    mirrored = BatchAugmenter(Augmentation(hflip=1), MEANING)(batch)
    equal(mirrored.targets[name].value, [[[2.25, 1.5], [NAN, 3.7]]] * 2)
    batch = collate([square(), square()], MEANING, copy=[0, 1])
    turned = BatchAugmenter(Augmentation(angles=[0, 90]), MEANING)(batch)
    equal(turned.targets[name].value, [SQUARE, [[2.25, NAN], [1.5, 3.7]]])
    for done in (mirrored, turned):
        equal(done.targets["numbers"].value, [NUMBERS] * 2)


@pytest.mark.parametrize("name", ["depth", "smooth"])
def test_a_shift_brings_in_what_is_unknown_in_both_engines(name: str) -> None:
    matrix = torch.tensor([[[1.0, 0, 1], [0, 1, 0]]], dtype=torch.float64)
    flips = torch.zeros((1, 2), dtype=torch.bool)
    motion = Motion(matrix, (2, 2), Augmentation(), flips, warps=True)
    shifted = [[NAN, 1.5], [NAN, 3.7]]
    equal(MEANING[name].kind.moved_alone(SQUARE, motion), shifted)
    batch = move(collate([square()], MEANING), motion, MEANING)
    equal(batch.targets[name].value, [shifted])


def test_half_a_pixel_mixes_two_smooth_numbers_in_both_engines() -> None:
    row = np.array([[1, 2, 4, NAN]], np.float32)
    matrix = torch.tensor([[[1.0, 0, 0.5], [0, 1, 0]]], dtype=torch.float64)
    flips = torch.zeros((1, 2), dtype=torch.bool)
    motion = Motion(matrix, (1, 4), Augmentation(), flips, warps=True)
    equal(Smooth().moved_alone(row, motion), [[NAN, 1.5, 3, NAN]])
    together = collate([Sample(np.zeros((1, 4, 3), np.uint8), "", {"smooth": row})], MEANING)
    equal(Smooth().moved(together.targets["smooth"], motion).value, [[[NAN, 1.5, 3, NAN]]])


@pytest.mark.parametrize("engine", ["sample", "batch"])
@pytest.mark.parametrize("in_memory", [False, True])
def test_rotation_makes_no_new_numbers(tmp_path: Path, engine: str, in_memory: bool) -> None:
    steps = {"rotate": 30, "zoom": 0.2, "hflip": 0.5, "engine": engine}
    data = weather(tmp_path, in_memory, **steps)
    batch = data.loading("train", augment=True).__getitems__(KEYS)
    if data.batch_augmenter is not None:
        batch = data.batch_augmenter(batch)
    labelled = batch.targets["depth"]
    assert labelled.index.tolist() == [0, 1, 3, 4]
    assert labelled.value.dtype == torch.float32  # type: ignore[union-attr]
    for row, found in zip(labelled.index.tolist(), labelled.value.numpy(), strict=True):  # type: ignore[union-attr]
        known = found[~np.isnan(found)]
        assert 20 < len(known) < SIDE**2
        assert set(known.tolist()) <= set(values(row)["depth"].ravel().tolist())
    equal(batch.targets["numbers"].value, [values(row)["numbers"] for row in (0, 1, 3, 4)])


def test_steps_of_albumentations_move_numbers_as_they_are() -> None:
    shift = {"name": "Affine", "translate_px": {"x": 1, "y": 0}, "p": 1.0}
    done = SampleAugmenter(Augmentation(extra=[shift]), 2)(square(), 0)
    for name in ("depth", "smooth"):
        equal(done.targets[name], [[NAN, 1.5], [NAN, 3.7]])
    equal(done.targets["numbers"], NUMBERS)
    across = {"name": "Transpose", "p": 1.0}
    done = SampleAugmenter(Augmentation(extra=[across]), 2)(square(), 0)
    equal(done.targets["depth"], SQUARE.T)


class Points(TargetKind):
    """Has a place and says nothing of how it moves."""

    placed = True


def test_a_kind_that_cannot_follow_is_refused() -> None:
    meaning = {"points": Target(Points)}
    given = Sample(np.zeros((2, 2, 3), np.uint8), "", {"points": NUMBERS}, meaning=meaning)
    across = [{"name": "Transpose", "p": 1.0}]
    with pytest.raises(UserError, match=r"extra moves the picture, and targets of kind .*Points"):
        SampleAugmenter(Augmentation(extra=across), 2)(given, 0)
    with pytest.raises(UserError, match=r"Points has a place.*or augmentation=none"):
        SampleAugmenter(Augmentation(hflip=1), 2)(given, 0)


@pytest.mark.parametrize("in_memory", [False, True])
def test_loading_gives_float32_to_those_who_have_it(tmp_path: Path, in_memory: bool) -> None:
    data = weather(tmp_path, in_memory)
    loading = data.loading("train", augment=False)
    assert isinstance(loading, ArrayLoading if in_memory else SampleLoading)
    batch = pickle.loads(pickle.dumps(loading)).__getitems__(KEYS)
    for name in MEANING:
        assert batch.targets[name].index.tolist() == [0, 1, 3, 4]
        equal(batch.targets[name].value, [values(row)[name] for row in (0, 1, 3, 4)])
    taken = separated(batch, MEANING)
    assert taken[2].targets == {}
    equal(taken[0].targets["depth"], values(0)["depth"])


def test_an_array_of_another_size_is_resized_with_its_maps() -> None:
    source = Weather(image_size=SIDE).split("train")
    assert isinstance(source, ArraySource)
    large = preprocessed(source, Standard(2 * SIDE, HALF, HALF))
    equal(large.read(0).targets["depth"], values(0)["depth"].repeat(2, 0).repeat(2, 1))
    equal(large.read(0).targets["numbers"], values(0)["numbers"])
    assert large.read(2).targets == {}


def test_the_cache_keeps_every_bit(tmp_path: Path) -> None:
    data = weather(tmp_path, in_memory=False)
    data.cache, data.cache_dir = True, tmp_path / "cache"
    cached = pickle.loads(pickle.dumps(data.source("train")))
    assert isinstance(cached, CachedSource)
    for index in range(6):
        found = cached.read(index)
        assert found.targets.keys() == values(index).keys()
        for name, value in found.targets.items():
            equal(value, values(index)[name])


@pytest.mark.parametrize("in_memory", [False, True])
def test_inspect_counts_what_is_known(tmp_path: Path, in_memory: bool) -> None:
    source = Weather(image_size=SIDE, in_memory=in_memory, root=str(tmp_path)).split("train")
    found = count("train", source, MEANING, range(6))
    depth, numbers = found.tallies["depth"], found.tallies["numbers"]
    assert (depth.samples, depth.missing, depth.ignored) == (4, ["2", "5"], 4)
    assert numbers.counts.tolist() == [4, 2]
    assert numbers.ignored == 2
    assert numbers.series["wind"] == pytest.approx([0.1, 1.1, 3.1, 4.1])
    assert numbers.series["rain"] == [-7.25, -7.25]
    console = Console(width=100, file=StringIO())
    print_report(console, [found])
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for line in (
        "numbers: known values by class",
        "wind 4 (100.0 %)",
        "(unknown values) 2",
        "(wind: min, median, max) 0.1, 2.1, 4.1",
        "depth: own_kinds_kit.Depth",
        "(unknown pixels) 4",
        "2 of 6 train samples lack depth: 2, 5",
    ):
        assert line in " ".join(text.replace("│", " ").split()), line


def test_numbers_are_named_and_maps_are_tinted() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    plain = draw_targets(Sample(pixels, "", {}), MEANING, 100)
    tinted = draw_targets(Sample(pixels, "", {"depth": SQUARE}), MEANING, 100)
    dark, bright, unknown = tinted[50, 50], tinted[150, 50], tinted[150, 150]
    assert 0 < dark.sum() < bright.sum()
    assert unknown.tolist() == plain[150, 150].tolist() == [0, 0, 0]
    assert Numbers().caption(NUMBERS, MEANING["numbers"]) == "wind 3.7, rain nan"


def test_numbers_go_by_their_names_in_the_terms_of_a_network() -> None:
    known = {"numbers": Target(Numbers, ("rain", "snow", "wind"))}
    for in_memory in (False, True):
        source = KnownClasses(Weather(image_size=SIDE, in_memory=in_memory), known).split("test")
        assert source is not None
        equal(source.read(0).targets["numbers"], [-7.25, NAN, 0.1])
        assert "numbers" not in source.read(2).targets
    with pytest.raises(UserError, match=r"numbers has none of the classes"):
        KnownClasses(Weather(image_size=SIDE), {"numbers": Target(Numbers, ("snow",))})


def test_a_map_of_numbers_is_no_mask() -> None:
    masks = {"depth": Target("mask", ("ground", "thing"))}
    given = Sample(image(0), "a.png", {"depth": values(0)["depth"]})
    with pytest.raises(BadFile, match=r"a\.png: depth is no mask: .* is not to be had in uint8"):
        given.understood(masks)
    with pytest.raises(UserError, match=r"column depth is no mask: .* in uint8"):
        ArraySource(image(0)[None], ["0"], {"depth": values(0)["depth"][None]}, masks)
    with pytest.raises(BadFile, match=r"depth is no mask: Boxes"):
        Sample(image(0), "a.png", {"depth": Boxes.empty()}).understood(masks)
    whole = Sample(image(0), "a.png", {"depth": np.array([[0, 1], [255, 1]], np.int64)})
    assert whole.understood(masks).targets["depth"].dtype == np.uint8


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Numbers, [1, 2, 3], r"is of shape \(3,\), but the target names 2 values"),
        ("labels", [1], r"is of shape \(1,\), but the target names 2 values"),
        ("label", 2, "is 2, but the classes are 0 to 1"),
        ("label", -1, "is -1, but the classes are 0 to 1"),
        ("label", 0.5, "is no label: 0.5 is not to be had in int64"),
        ("label", None, "is no label: NoneType is given instead of int64"),
        ("label", "cat", "is no label: str is given instead of int64"),
        ("boxes", [[1, 2, 3, 4]], "is no boxes: list is given instead of Boxes"),
        (Depth, [1, 2], r"is of shape \(2,\), no map of pixels"),
    ],
)
def test_values_that_do_not_fit_their_target_name_the_file(
    kind: Any, value: Any, said: str
) -> None:
    meaning = {"x": Target(kind, ("a", "b"))}
    with pytest.raises(BadFile, match=rf"^a\.png: x {said}"):
        Sample(image(0), "a.png", {"x": value}).understood(meaning)


def test_columns_that_do_not_fit_are_refused() -> None:
    meaning = {"numbers": MEANING["numbers"]}
    with pytest.raises(UserError, match=r"column numbers .*names 2 values"):
        ArraySource(image(0)[None], ["0"], {"numbers": np.zeros((1, 3), np.float32)}, meaning)


def test_unknown_kinds_list_the_kinds() -> None:
    with pytest.raises(UserError, match=f"There are: {', '.join(sorted(KINDS))}"):
        Target("smooth")
    with pytest.raises(UserError, match=r"did you mean 'mask'"):
        Target("maks")
    with pytest.raises(UserError, match=r"kind=own_kinds_kit\.Deep: can't be imported"):
        Target("own_kinds_kit.Deep")
    with pytest.raises(UserError, match=r"kind=own_kinds_kit\.Weather: is no mtl\.TargetKind"):
        Target("own_kinds_kit.Weather")


def test_what_nobody_declared_is_said() -> None:
    with pytest.raises(UserError, match=r"don't say what its column depth means"):
        ArraySource(image(0)[None], ["0"], {"depth": values(0)["depth"][None]}, {})
    with pytest.raises(UserError, match=r"sample a: nobody said what its target depth means"):
        Standard(4, HALF, HALF)(Sample(image(0), "a", {"depth": SQUARE}))
