"""One LightningDataModule for every data set."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import pytorch_lightning as L
import torch
from torch.utils.data import DataLoader

from mtl.config.nearest import unknown
from mtl.data.augmentation.batch import BatchAugmenter
from mtl.data.augmentation.by_set import BySet
from mtl.data.augmentation.engine import choose_engine
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Batch, Broken
from mtl.data.image_file import MAX_MEGAPIXELS, allow_megapixels
from mtl.data.image_format import USUAL, ImageFormat
from mtl.data.loading.ahead import Ahead
from mtl.data.loading.around import Around
from mtl.data.loading.as_it_is import AsItIs
from mtl.data.loading.balance import balanced
from mtl.data.loading.cache import CachedSource
from mtl.data.loading.loader import ArrayLoading, Augment, SampleLoading, identity, preprocessed
from mtl.data.loading.sampler import EpochSampler, RankBatches
from mtl.data.loading.shares import Shares
from mtl.data.loading.windows import Windows
from mtl.data.loading.workers import begin_worker, usable_cores
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.normalise import Normalise
from mtl.data.sample import Target
from mtl.data.sources.base import SPLITS, ArraySource, DataSet, Source, Split
from mtl.data.sources.known_classes import KnownClasses
from mtl.data.sources.limited import limited
from mtl.errors import UserError
from mtl.words import counted

MOST_WORKERS = 8
WHOLLY = {"16-true": torch.float16, "bf16-true": torch.bfloat16, "64-true": torch.float64}
"""Precisions in which the whole network has another type than float32, and so must its input."""


class MultiTaskData(L.LightningDataModule):
    """Loads, preprocesses, augments and normalises any data set.

    Args:
        data_set: what to load.
        preprocess: deterministic steps.
        augmentation: random steps, for training.
        augmentations: of the sets of ``data=mixed`` that have others, by name; each with as many
            copies.
        batch_size: samples per step and process.
        seed: of order and augmentation.
        limit: N samples of every split (see ``chosen``), or None for all.
        balance: a target whose rare classes training draws more often (see ``balanced``).
        balance_power: how much more often.
        workers: data-loading processes, or ``auto``: none for sets in memory, else one per core
            and 8 at most.
        on_error: what a broken file does: ``raise`` stops, ``skip`` leaves the sample out and
            remembers it in ``skipped``.
        cache: whether to keep decoded images on disk.
        cache_dir: where.
        max_megapixels: of an image; a larger one is a broken file.
        cache_size: of all caches there together, gigabytes; those used least recently make room.
        images: what the data set's are.
        whole_steps: whether each step of a training has all of its samples; what is left of an
            epoch comes in others.
    """

    def __init__(
        self,
        data_set: DataSet,
        preprocess: Preprocess,
        augmentation: Augmentation,
        batch_size: int,
        seed: int,
        limit: int | None = None,
        balance: str | None = None,
        balance_power: float = 1.0,
        workers: int | Literal["auto"] = "auto",
        on_error: Literal["raise", "skip"] = "raise",
        cache: bool = False,
        cache_dir: str = "outputs/cache",
        cache_size: float = 50.0,
        max_megapixels: float = MAX_MEGAPIXELS,
        augmentations: Mapping[str, Augmentation] | None = None,
        images: ImageFormat = USUAL,
        whole_steps: bool = False,
    ) -> None:
        super().__init__()
        self.data_set = data_set
        self.preprocess = preprocess
        self.augmentation = augmentation
        self.augmentations = dict(augmentations or {})
        self.batch_size = batch_size
        self.seed = seed
        self.limit = limit
        self.balance = balance
        self.balance_power = balance_power
        self.workers = workers
        self.on_error = on_error
        self.cache = cache
        self.cache_dir = Path(cache_dir)
        self.cache_size = cache_size
        self.max_megapixels = max_megapixels
        self.images = images
        self.whole_steps = whole_steps
        allow_megapixels(max_megapixels)
        self.skipped: dict[str, str] = {}
        self.failure: str | None = None
        self.first_epoch = 0
        self.first_batch = 0
        """Of the first epoch; a run that goes on within it has seen those before."""
        self.normalise = Normalise(preprocess.mean, preprocess.std)
        self.batch_augmenter: BatchAugmenter | None = None
        self._sources: dict[Split, Source | None] = {}

    @property
    def targets(self) -> Mapping[str, Target]:
        """What the data can label, by target name."""
        return self.data_set.targets

    def prepare_data(self) -> None:
        """Download or check the files, once."""
        self.data_set.prepare()

    def check_channels(self) -> None:
        """See that there is a mean and a deviation for each channel.

        Raises:
            UserError: there are more or fewer.
        """
        mean, std, channels = self.preprocess.mean, self.preprocess.std, self.images.channels
        if {len(mean), len(std)} != {channels}:
            raise UserError(
                f"images have {counted(channels, 'channel')} (data.channels), and backbone.mean "
                f"and backbone.std are of {len(mean)} and {len(std)}: mtl inspect with the same "
                "data prints those of the training split"
            )

    def in_terms_of(self, known: Mapping[str, Target]) -> None:
        """Number classes as a network was trained on them; after ``prepare_data``.

        Args:
            known: target name to what the network was trained on.

        Raises:
            UserError: a target has none of the network's classes.
        """
        self.data_set = KnownClasses(self.data_set, known)

    def files(self, split: Split) -> Source | None:
        """The samples of a split as they are on disk, or None where it has none."""
        source = self.data_set.split(split)
        return None if source is None or len(source) == 0 else limited(source, self.limit)

    def source(self, split: Split) -> Source | None:
        """The samples of a split as the loaders read them, or None where there is no such split."""
        if split not in self._sources:
            self._sources[split] = self._open(split)
        return self._sources[split]

    def _open(self, split: Split) -> Source | None:
        source = self.files(split)
        if source is None:
            return None
        if isinstance(source, ArraySource):
            return preprocessed(source, self.preprocess)
        if self.cache:
            return CachedSource.open(
                source, self.targets, self.preprocess, self.cache_dir, self.cache_size
            )
        return source

    def required(self, split: Split) -> Source:
        """The samples of a split.

        Raises:
            UserError: the data set has no such split.
        """
        source = self.source(split)
        if source is None:
            have = ", ".join(name for name in SPLITS if self.source(name) is not None)
            raise UserError(f"the data has no {split} split (it has {have or 'no samples at all'})")
        return source

    def loading(self, split: Split, augment: bool) -> SampleLoading | ArrayLoading:
        """The data set that a loader draws batches from.

        Args:
            split: which samples.
            augment: whether the random steps run, here or later on the device.
        """
        source = self.required(split)
        copies = self.augmentation.copies if augment else 1
        in_memory = isinstance(source, ArraySource)
        specs = [self.augmentation, *self.augmentations.values()]
        engine = choose_engine(specs, in_memory) if augment else None
        if isinstance(source, ArraySource) and engine != "sample":
            if augment:
                self.batch_augmenter = BatchAugmenter(self.augmentation, self.targets)
            return ArrayLoading(source, self.targets, self.seed, copies)
        augmenter = self._sample_augmenter() if engine == "sample" else None
        if engine == "batch":
            self.batch_augmenter = BatchAugmenter(self.augmentation, self.targets)
        ready = in_memory or isinstance(source, CachedSource)
        return SampleLoading(
            source, self.targets, None if ready else self.preprocess, augmenter, self.seed, copies
        )

    def _sample_augmenter(self) -> Augment:
        size = self.preprocess.image_size
        others = SampleAugmenter(self.augmentation, size, self.images)
        own = {
            name: SampleAugmenter(spec, size, self.images)
            for name, spec in self.augmentations.items()
        }
        return BySet(own, others) if own else others

    def loader(self, split: Split, training: bool = False) -> DataLoader[Batch]:
        """Batches of a split.

        Args:
            split: which samples.
            training: shuffled, augmented, and without a short last batch where there is a full one.
        """
        loading = self.loading(split, augment=training)
        trainer = self.trainer
        ranks = trainer.world_size if trainer else 1
        whole = training and self.whole_steps
        step = trainer.accumulate_grad_batches if trainer and whole else None
        shares = self.shares(self.required(split)) if training else None
        block = self.batch_size * ranks * (step or 1)
        sampler = EpochSampler(
            len(loading),
            self.seed,
            shuffle=training,
            rank=trainer.global_rank if trainer else 0,
            ranks=ranks,
            draw=None
            if shares is None
            else partial(shares.repeated(loading.copies).order, block=block),
        )
        # Lightning opens the loader, and workers fetch ahead, before it tells the sampler the epoch
        # of a resumed run.
        sampler.set_epoch(self.first_epoch if training else 0)
        drop = training and len(sampler) >= self.batch_size
        workers = self._worker_count(loading)
        begin = (self.first_epoch, self.first_batch) if training else (0, 0)
        batches = RankBatches(sampler, self.batch_size, drop, begin, step)
        if step and not len(batches):
            there = counted(sampler.length, "sample")
            raise UserError(f"trainer.total_batch={block}: an epoch has only {there}")
        return DataLoader(
            loading,
            batch_sampler=batches,
            collate_fn=cast(Callable[[list[Any]], Any], identity),
            num_workers=workers,
            worker_init_fn=partial(begin_worker, max_megapixels=self.max_megapixels),
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def shares(self, source: Source) -> Shares | None:
        """How often training draws which samples; None: each once an epoch.

        Args:
            source: of the training samples.

        Raises:
            UserError: ``balance`` names no target with classes that samples show.
        """
        shares = self.data_set.shares(source)
        if self.balance is None:
            return shares
        if self.balance not in self.targets:
            there = unknown("target", self.balance, self.targets)
            raise UserError(f"data.balance: {there}")
        target = self.targets[self.balance]
        return balanced(source, self.balance, target, self.balance_power, shares)

    def _worker_count(self, loading: SampleLoading | ArrayLoading) -> int:
        if self.workers != "auto":
            return self.workers
        if isinstance(loading, ArrayLoading):
            return 0
        return min(MOST_WORKERS, usable_cores())

    def train_dataloader(self) -> DataLoader[Batch] | Around:
        """Shuffled and augmented; batches of one step know each other."""
        loader = self.loader("train", training=True)
        trainer = self.trainer
        if trainer is None:
            return loader
        if trainer.accumulate_grad_batches < 2:
            on_cpu = trainer.strategy.root_device.type == "cpu"
            in_memory = isinstance(loader.dataset, ArrayLoading) and loader.num_workers == 0
            return Ahead(loader, self._finished) if on_cpu and in_memory else loader
        size, batches = trainer.accumulate_grad_batches, cast(RankBatches, loader.batch_sampler)
        return Windows(loader, size, lambda: trainer.num_training_batches - batches.passed_over)

    def _finished(self, batch: Batch) -> Batch:
        return self.finish(batch, training=True) if len(batch) else batch

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """In order; an empty list where there is no such split."""
        return self.loader("val") if self.source("val") is not None else []

    def test_dataloader(self) -> DataLoader[Batch]:
        """In order."""
        return self.loader("test")

    def predict_dataloader(self) -> AsItIs:
        """The test split, in order."""
        return AsItIs(self.loader("test"))

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know: it may not read every sample again."""
        return {"skipped": dict(self.skipped)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The counterpart."""
        self.skipped.update(state_dict["skipped"])

    def all_skipped(self) -> dict[str, str]:
        """Id and reason of every sample left out, by any process of the run."""
        if not torch.distributed.is_initialized():
            return self.skipped
        found: list[dict[str, str]] = [{} for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather_object(found, self.skipped)
        return {key: reason for skipped in found for key, reason in skipped.items()}

    def note_broken(self, broken: tuple[Broken, ...]) -> None:
        """Stop at a broken sample, or remember it, as ``on_error`` says.

        One of several processes only remembers that it has to stop, in ``failure``: the others
        would wait for it (see ``BrokenSamples``).

        Raises:
            UserError: a sample is broken and ``on_error`` is ``raise``.
        """
        if broken and self.on_error == "raise":
            hint = "(data.on_error=skip goes on without such samples)"
            self.failure = self.failure or f"{broken[0].reason} {hint}"
            if self.trainer is None or self.trainer.world_size == 1:
                raise UserError(self.failure)
        self.skipped.update({entry.id: entry.reason for entry in broken})

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Deal with what could not be read."""
        self.note_broken(batch.broken)
        return batch

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Without waiting for the copy; Lightning would wait for what is not a plain tensor."""
        return batch.to(device, non_blocking=device.type == "cuda")

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment whole batches where that engine is chosen, and normalise, on the device.

        What ``Ahead`` has finished stays as it is.
        """
        if not batch.window and (len(batch) == 0 or batch.finished):
            return batch
        training = self.trainer is not None and self.trainer.training
        if not batch.window:
            return self.finish(batch, training)
        members = cast(list[Batch], batch.window)
        if batch.place == 0:
            moved = [member.to(batch.image.device, non_blocking=True) for member in members]
            members[:] = [self.finish(m, training) if len(m) else m for m in moved]
        return replace(members[batch.place], window=members, place=batch.place)

    def finish(self, batch: Batch, training: bool) -> Batch:
        """Pixels as they were loaded to what the network takes.

        Args:
            batch: on its device.
            training: whether the batch engine, if chosen, runs.
        """
        if training and self.batch_augmenter is not None:
            batch = cast(Batch, self.batch_augmenter(batch))
        self.normalise.to(batch.image.device)
        image = self.normalise(batch.image)
        precision = self.trainer.precision if self.trainer is not None else "32-true"
        image = image.to(WHOLLY.get(str(precision), image.dtype))
        return replace(batch, image=image, finished=True)
