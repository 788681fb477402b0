"""Several data sets through one network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mtl.config.data_keys import DATA_FRAMEWORK_KEYS
from mtl.config.instantiate import make
from mtl.data.loading.shares import Shares
from mtl.data.sample import Target
from mtl.data.sources.base import DataSet, Source, Split
from mtl.data.sources.known_classes import Classes
from mtl.data.sources.limited import limited
from mtl.data.sources.together import AFTER_SET, SetPart, put_together, set_of
from mtl.errors import UserError

Batches = Literal["mixed", "apart"]
Sampling = Literal["proportional", "equal", "temperature"]


class Mixed(DataSet):
    """Any data sets at once; a sample has the targets of its own set and lacks the others.

    A set's target ``boxes`` is ``NAME.boxes`` here. Targets of one kind may be merged to one, whose
    classes are those of all by their names; a sample of a set that does not know a class says
    nothing about it. A split has the samples of the sets that have it.

    Args:
        sets: name to the node of a data set.
        merge: name of a target to those it is merged of, ``{boxes: [cells.boxes, pets.boxes]}``.
        sampling: how often training draws each set: ``proportional`` to its size, ``equal``, or
            by ``temperature`` (in proportion to size ** (1 / temperature)).
        temperature: of ``sampling=temperature``; 1 is proportional, the larger the more equal.
        shares: a number for each set, in place of ``sampling``; None for that.
        batches: ``mixed``, or ``apart``: each step sees samples of one set alone.
        only: the sets whose samples are used; None for all.
        image_size: given to every set.

    Raises:
        UserError: a set's node makes no sense.
    """

    def __init__(
        self,
        *,
        sets: Mapping[str, Mapping[str, Any]],
        merge: Mapping[str, Sequence[str]] | None,
        sampling: Sampling,
        temperature: float,
        shares: Mapping[str, float] | None,
        batches: Batches,
        only: Sequence[str] | None,
        image_size: int,
    ) -> None:
        self.sets: dict[str, DataSet] = {}
        self.limits: dict[str, int | None] = {}
        for name, given in sets.items():
            node = {key: v for key, v in given.items() if key not in DATA_FRAMEWORK_KEYS}
            self.limits[name] = given.get("limit")
            self.sets[name] = make(node, DataSet, image_size=image_size)
        self.merge = merge or {}
        self.sampling = sampling
        self.temperature = temperature
        self.numbers = shares
        self.batches = batches
        self.only = set(sets if only is None else only)
        self._becomes: Mapping[str, Mapping[str, tuple[str, Classes]]] | None = None
        self._targets: Mapping[str, Target] = {}

    def look(self) -> None:
        """At each set."""
        for data_set in self.sets.values():
            data_set.look()

    def prepare(self) -> None:
        """Each set's own preparation."""
        for data_set in self.sets.values():
            data_set.prepare()
        self._becomes = None

    @property
    def targets(self) -> Mapping[str, Target]:
        """The sets' targets by ``SET.TARGET``, and the merged ones."""
        self._settle()
        return self._targets

    def notes(self) -> Sequence[str]:
        """The sets' own, each with the set's name."""
        return [f"{name}: {note}" for name, one in self.sets.items() for note in one.notes()]

    def decided(self) -> Sequence[str]:
        """The sets' own, and how often each is drawn."""
        said = [f"{name}: {text}" for name, one in self.sets.items() for text in one.decided()]
        source = self.split("train")
        shares = None if source is None else self.shares(source)
        if shares is not None:
            drawn = dict(zip(self.sets, shares.quotas(), strict=True))
            parts = ", ".join(f"{number} of {name}" for name, number in drawn.items())
            said.append(f"an epoch draws {parts}")
        return said

    def image(
        self, split: Split, sample: str, size: int | None = None
    ) -> npt.NDArray[np.uint8] | None:
        """As the set finds it."""
        name, _, own = sample.partition(AFTER_SET)
        return self.sets[name].image(split, own, size) if name in self.sets else None

    def split(self, split: Split) -> Source | None:
        """The sets' splits together; None where no set has one."""
        becomes = self._settle()
        parts = []
        for name, data_set in self.sets.items():
            source = data_set.split(split) if name in self.only else None
            if source is not None and len(source):
                part = limited(source, self.limits[name])
                parts.append(SetPart(name, part, becomes[name]))
        return put_together(parts, self.targets) if parts else None

    def shares(self, source: Source) -> Shares | None:
        """By ``sampling`` and ``batches``; None where each sample comes once, all mixed.

        Raises:
            UserError: nothing would be drawn, since every set with a share is empty.
        """
        if self.sampling == "proportional" and self.batches == "mixed" and not self.numbers:
            return None
        number = {name: place for place, name in enumerate(self.sets)}
        groups = np.array(
            [number[set_of(source.id(index))] for index in range(len(source))], np.int64
        )
        sizes = np.bincount(groups, minlength=len(number)).astype(float)
        wanted = self._wanted(sizes)
        if not any(share and size for share, size in zip(wanted, sizes, strict=True)):
            raise UserError("data.shares: the sets with a share above 0 have no sample here")
        return Shares(groups, wanted, apart=self.batches == "apart")

    def _wanted(self, sizes: npt.NDArray[np.float64]) -> list[float]:
        if self.numbers:
            return [float(self.numbers[name]) for name in self.sets]
        powers = {"proportional": 1.0, "equal": 0.0, "temperature": 1 / self.temperature}
        return [float(share) for share in sizes ** powers[self.sampling]]

    def _settle(self) -> Mapping[str, Mapping[str, tuple[str, Classes]]]:
        """Set to its targets' names and numbers in the whole."""
        if self._becomes is not None:
            return self._becomes
        own = {
            f"{name}.{target}": meaning
            for name, data_set in self.sets.items()
            for target, meaning in data_set.targets.items()
        }
        name_of = {part: name for name, parts in self.merge.items() for part in parts}
        targets = {name: target for name, target in own.items() if name not in name_of}
        for name, parts in self.merge.items():
            # Files may lack what the set's yaml says they can have, such as masks.
            if there := {part: own[part] for part in parts if part in own}:
                targets[name] = merged(name, there)
        found: dict[str, dict[str, tuple[str, Classes]]] = {name: {} for name in self.sets}
        for path, target in own.items():
            data_set, _, short = path.partition(".")
            name = name_of.get(path, path)
            found[data_set][short] = (name, Classes(target, targets[name]))
        self._becomes, self._targets = found, targets
        return found


def merged(name: str, parts: Mapping[str, Target]) -> Target:
    """The target that several become: all their classes by their names, in the order they come.

    Args:
        name: of the whole.
        parts: targets of one kind, which the configuration has seen to.

    Raises:
        UserError: they are masks whose classes differ: what is background in one may be of a class
            of the other's; or numbers in several units.
    """
    targets = list(parts.values())
    known = {target.classes for target in targets}
    if len(known) > 1 and targets[0].kind.name == "mask":
        raise UserError(
            f"data.merge.{name}: masks of other classes can't be merged, since the background of "
            "one may be of a class of the other's; give each a task of its own"
        )
    classes = list(dict.fromkeys(title for target in targets for title in target.classes))
    units = {title: unit for target in targets for title, unit in _units(target)}
    for part, target in parts.items():
        for title, unit in _units(target):
            if units[title] != unit:
                raise UserError(f"data.merge.{name}: {title} has another unit in {part}")
    return Target(
        targets[0].kind,
        classes,
        units=[units[title] for title in classes],
        keypoints=list(dict.fromkeys(name for target in targets for name in target.keypoints)),
        mirrored=_pairs(target.mirrored for target in targets),
        skeleton=_pairs(target.skeleton for target in targets),
    )


def _units(target: Target) -> list[tuple[str, str]]:
    return list(zip(target.classes, target.units or [""] * len(target.classes), strict=True))


def _pairs(pairs: Iterable[Sequence[tuple[str, str]]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(pair for some in pairs for pair in some))
