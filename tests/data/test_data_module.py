"""The data module around any data set: splits, loaders, ranks, broken samples, pixels."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from training_kit import Alternating, Counting

from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Batch, Broken
from mtl.data.loading.module import MultiTaskData
from mtl.data.loading.sampler import EpochSampler, RankBatches
from mtl.data.preprocess.standard import Standard
from mtl.data.sources.base import ArraySource, DataSet, Split
from mtl.errors import UserError

MEAN, STD = (0.5, 0.25, 0.0), (0.5, 0.25, 1.0)


def module(
    data_set: DataSet | None = None, augmentation: Augmentation | None = None, **options: Any
) -> MultiTaskData:
    return MultiTaskData(
        data_set=data_set or Alternating(train=10, val=5, test=0, image_size=16),
        preprocess=Standard(16, MEAN, STD, fit="stretch"),
        augmentation=augmentation or Augmentation(),
        **{"batch_size": 4, "seed": 0, **options},
    )


def ids(data: MultiTaskData, split: Split, training: bool = False) -> list[list[str]]:
    return [batch.ids for batch in data.loader(split, training)]


def test_split_that_is_not_there() -> None:
    data = module()
    assert data.source("test") is None
    with pytest.raises(UserError, match=r"the data has no test split \(it has train, val\)"):
        data.required("test")
    none = module(Alternating(train=0, val=0, test=0, image_size=16))
    with pytest.raises(UserError, match=r"no train split \(it has no samples at all\)"):
        none.required("train")
    assert none.val_dataloader() == []


@pytest.mark.parametrize("kind", [Alternating, Counting])
def test_limit_takes_samples_of_every_split(kind: type[DataSet]) -> None:
    data = module(kind(train=10, val=5, test=2, image_size=16), limit=3)  # type: ignore[call-arg]
    for split, count in (("train", 3), ("val", 3), ("test", 2)):
        source = data.required(split)  # type: ignore[arg-type]
        ids = [source.id(i) for i in range(len(source))]
        assert (len(ids), ids) == (count, sorted(set(ids)))
        assert all(name.startswith(split) for name in ids)
        assert isinstance(source, ArraySource) == (kind is Alternating)


def test_evaluation_sees_every_sample_once_and_in_order() -> None:
    assert ids(module(), "val") == [[f"val/{i}" for i in range(4)], ["val/4"]]


def test_training_is_shuffled_anew_each_epoch_without_a_short_last_batch() -> None:
    data = module()
    loader = data.loader("train", training=True)
    orders = []
    for epoch in range(2):
        loader.batch_sampler.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        batches = [batch.ids for batch in loader]
        assert [len(batch) for batch in batches] == [4, 4]
        orders.append([name for batch in batches for name in batch])
        assert len(set(orders[-1])) == 8
    assert orders[0] != orders[1]
    assert ids(module(), "train", training=True) == [orders[0][:4], orders[0][4:]]
    assert ids(module(seed=1), "train", training=True) != [orders[0][:4], orders[0][4:]]


def test_a_single_short_batch_is_kept() -> None:
    batches = ids(module(batch_size=64), "train", training=True)
    assert [sorted(batch) for batch in batches] == [sorted(f"train/{i}" for i in range(10))]


def test_resumed_run_starts_with_the_order_of_its_epoch() -> None:
    fresh, resumed = module(), module()
    resumed.first_epoch = 1
    loader = fresh.loader("train", training=True)
    loader.batch_sampler.sampler.set_epoch(1)  # type: ignore[union-attr]
    assert ids(resumed, "train", training=True) == [batch.ids for batch in loader]


@pytest.mark.parametrize(("length", "ranks", "size"), [(9, 2, 4), (10, 3, 2), (1, 3, 4), (8, 2, 2)])
def test_ranks_get_equally_many_batches_and_no_sample_twice(
    length: int, ranks: int, size: int
) -> None:
    found = []
    counts = set()
    for rank in range(ranks):
        sampler = EpochSampler(length, 0, shuffle=False, rank=rank, ranks=ranks)
        batches = RankBatches(sampler, size, drop_last=False)
        drawn = list(batches)
        counts |= {len(drawn), len(batches)}
        found += [position for batch in drawn for _, position in batch]  # type: ignore[misc]
    assert sorted(found) == list(range(length))
    assert counts == {math.ceil(math.ceil(length / ranks) / size)}


@pytest.mark.parametrize(("length", "ranks", "size", "count"), [(9, 2, 2, 2), (9, 1, 2, 4)])
def test_training_batches_of_ranks_are_full(length: int, ranks: int, size: int, count: int) -> None:
    for rank in range(ranks):
        sampler = EpochSampler(length, 0, shuffle=True, rank=rank, ranks=ranks)
        batches = list(RankBatches(sampler, size, drop_last=True))
        assert [len(batch) for batch in batches] == [size] * count


@pytest.mark.parametrize("kind", [Alternating, Counting])
def test_no_keys_make_an_empty_batch(kind: type[DataSet]) -> None:
    data = module(kind(train=10, val=5, test=2, image_size=16))  # type: ignore[call-arg]
    batch = data.loading("val", augment=False).__getitems__([])
    assert (len(batch), batch.image.shape[0], dict(batch.targets)) == (0, 0, {})
    assert data.on_after_batch_transfer(batch, 0) is batch


def test_pixels_are_normalised_as_the_backbone_expects() -> None:
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    done = module().finish(Batch(image, ["x"], {}), training=False).image
    assert done.dtype == torch.float32
    expected = torch.tensor([(0 - 0.5) / 0.5, (0.2 - 0.25) / 0.25, (1 - 0) / 1])
    torch.testing.assert_close(done[0, :, 3, 5], expected)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32], ids=["8 bits", "more"])
def test_pixels_of_any_kind_are_finished_once(kind: torch.dtype) -> None:
    """Images of 16 bits and floats are loaded as floats, and have to be normalised all the same."""
    data, pixels = module(), torch.arange(3 * 256).remainder(256).view(1, 3, 16, 16).to(kind)
    loaded = Batch(pixels, ["x"], {})
    done = data.on_after_batch_transfer(loaded, 0)
    assert torch.equal(done.image, data.finish(loaded, training=False).image)
    assert done.image.amax() <= 3.0  # (1 - 0.25) / 0.25
    assert data.on_after_batch_transfer(done, 0) is done


def test_batch_engine_runs_in_training_only() -> None:
    data = module(augmentation=Augmentation(engine="batch", hflip=1.0))
    data.loader("train", training=True)
    batch = next(iter(data.loader("val")))
    plain = data.finish(batch, training=False).image
    torch.testing.assert_close(data.finish(batch, training=True).image, plain.flip(3))


BROKEN = (Broken("a.jpg", "a.jpg: is empty"), Broken("b.jpg", "b.jpg: is no image"))


def test_broken_samples_stop_a_run_with_the_first_one() -> None:
    data = module(on_error="raise")
    data.note_broken(())
    with pytest.raises(UserError) as caught:
        data.note_broken(BROKEN)
    assert str(caught.value) == (
        "a.jpg: is empty (data.on_error=skip goes on without such samples)"
    )


def test_broken_samples_are_remembered_once_and_over_a_restart() -> None:
    data = module(on_error="skip")
    for _ in range(2):
        data.note_broken(BROKEN)
    assert data.skipped == {"a.jpg": "a.jpg: is empty", "b.jpg": "b.jpg: is no image"}
    resumed = module(on_error="skip")
    resumed.load_state_dict(data.state_dict())
    assert resumed.all_skipped() == data.skipped


@pytest.mark.parametrize(("workers", "kind", "count"), [(1, Counting, 1), ("auto", Alternating, 0)])
def test_number_of_workers(workers: int | str, kind: type[DataSet], count: int) -> None:
    data = module(kind(train=10, val=5, test=2, image_size=16), workers=workers)  # type: ignore[call-arg]
    loader = data.loader("val")
    assert (loader.num_workers, loader.persistent_workers) == (count, count > 0)


def test_cache_is_not_for_arrays(tmp_path: Path) -> None:
    data = module(cache=True, cache_dir=str(tmp_path / "cache"))
    source = data.required("train")
    assert isinstance(source, ArraySource)
    assert not (tmp_path / "cache").exists()
    assert np.array_equal(source.images, data.data_set.split("train").images)  # type: ignore[union-attr]


def test_workers_know_how_large_images_may_be() -> None:
    """A process that was not forked has PIL's own limit."""
    data = module(max_megapixels=500.0)
    begin = data.loader("train").worker_init_fn
    assert isinstance(begin, partial)
    assert begin.keywords == {"max_megapixels": 500.0}
    assert Image.MAX_IMAGE_PIXELS == 250_000_000
    module()
    assert Image.MAX_IMAGE_PIXELS == 89_500_000
