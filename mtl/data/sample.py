"""What every data set hands out: one image with the targets that it happens to have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from mtl.data.batch import Labelled
from mtl.data.target.base import TargetKind
from mtl.data.target.placed_parts import PlacedParts
from mtl.data.target.registry import kind_of
from mtl.errors import BadFile, UserError

if TYPE_CHECKING:
    from mtl.data.target.motion import Motion

IGNORE_LABEL = -1
"""Entry of a multi-hot vector that is neither positive nor negative."""
IGNORE_PIXEL = 255
"""Mask value that neither loss nor metric looks at."""
Pairs = tuple[tuple[str, str], ...]
_OPTIONAL = ("units", "keypoints", "mirrored", "skeleton")
"""What a ``Target`` has beside its kind and its classes."""


@dataclass(frozen=True, init=False)
class Target:
    """What one target of a data set means.

    Args:
        kind: ``label`` (one class index), ``labels`` (multi-hot), ``numbers``, ``boxes``, ``mask``,
            or a ``TargetKind`` of the user's own: the class, or its dotted path.
        classes: the names behind the indices. For masks they include the background at index 0.
        units: of ``numbers``, parallel to their names; ``""`` where one has none, and none at all
            where none has any.
        keypoints: of ``poses``, the names of the points that each object has.
        mirrored: pairs of points that a mirror exchanges, such as ``left_eye`` and ``right_eye``.
        skeleton: pairs of points that pictures join by a line.

    Raises:
        UserError: there is no such kind, a pair names something else than two points, or units
            don't go with the names.
    """

    kind: TargetKind
    classes: tuple[str, ...]
    units: tuple[str, ...]
    keypoints: tuple[str, ...]
    mirrored: Pairs
    skeleton: Pairs

    def __init__(
        self,
        kind: str | TargetKind | type[TargetKind],
        classes: Sequence[str] = (),
        *,
        units: Sequence[str] = (),
        keypoints: Sequence[str] = (),
        mirrored: Sequence[Sequence[str]] = (),
        skeleton: Sequence[Sequence[str]] = (),
    ) -> None:
        object.__setattr__(self, "kind", kind_of(kind))
        object.__setattr__(self, "classes", tuple(classes))
        object.__setattr__(self, "units", tuple(units) if any(units) else ())
        object.__setattr__(self, "keypoints", tuple(keypoints))
        object.__setattr__(self, "mirrored", self._pairs("mirrored", mirrored))
        object.__setattr__(self, "skeleton", self._pairs("skeleton", skeleton))
        if units and len(units) != len(self.classes):
            raise UserError(f"units {list(units)} don't go with the names {list(self.classes)}")
        exchanged = [name for pair in self.mirrored for name in pair]
        if len(set(exchanged)) < len(exchanged):
            raise UserError(f"mirrored={list(mirrored)}: a name is in one pair at most")

    def _pairs(self, key: str, given: Sequence[Sequence[str]]) -> Pairs:
        for pair in given:
            if len(pair) != 2 or not set(pair) <= set(self.points):
                names = ", ".join(self.points)
                raise UserError(f"{key}: {list(pair)} is no pair of names; there are {names}")
        return tuple((one, other) for one, other in given)

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Target:
        """The counterpart of ``plain``.

        Raises:
            KeyError: the kind or the classes are missing.
        """
        kept = {name: plain[name] for name in _OPTIONAL if name in plain}
        return cls(plain["kind"], plain["classes"], **kept)

    @property
    def plain(self) -> dict[str, Any]:
        """As files keep it: strings and lists of them, without what is empty."""
        kept = {name: _listed(getattr(self, name)) for name in _OPTIONAL if getattr(self, name)}
        return {"kind": self.kind.name, "classes": list(self.classes), **kept}

    @property
    def titles(self) -> tuple[str, ...]:
        """The classes as people are told of them, with their units: ``height (m)``."""
        units = self.units or ("",) * len(self.classes)
        pairs = zip(self.classes, units, strict=True)
        return tuple(f"{name} ({unit})" if unit else name for name, unit in pairs)

    @property
    def points(self) -> tuple[str, ...]:
        """The names of keypoints; of a target without objects of other classes these are its own.

        ``mirrored`` and ``skeleton`` are in terms of them.
        """
        return self.keypoints or self.classes

    @property
    def exchanged(self) -> npt.NDArray[np.int64]:
        """(K,): the number of the point that each point becomes in a mirror."""
        partner = dict([*self.mirrored, *((other, one) for one, other in self.mirrored)])
        numbers = [self.points.index(partner.get(name, name)) for name in self.points]
        return np.array(numbers, np.int64)

    @property
    def lines(self) -> list[tuple[int, int]]:
        """``skeleton`` as numbers of points."""
        return [(self.points.index(one), self.points.index(other)) for one, other in self.skeleton]

    def moved(self, labelled: Labelled, motion: Motion) -> Labelled:
        """A batch's values after an affine map of each picture; a mirror exchanges points."""
        moved = self.kind.moved(labelled, motion)
        if not self.mirrored:
            return moved
        there = moved.on_cpu
        mirrors = motion.mirrors[there.index].tolist()
        values = [self.kind.separate(there.value, place) for place in range(len(mirrors))]
        seen = [self._seen(v, mirrors[place]) for place, v in enumerate(values)]
        found = Labelled(there.index, self.kind.collate(seen))
        return found.to(labelled.index.device, non_blocking=True)

    def moved_alone(self, value: TargetValue, motion: Motion) -> TargetValue:
        """``moved`` of a single sample's value."""
        return self._seen(self.kind.moved_alone(value, motion), bool(motion.mirrors[0]))

    def from_parts(self, value: TargetValue, parts: PlacedParts) -> TargetValue:
        """The value with what became of its parts; a mirror exchanges points."""
        return self._seen(self.kind.from_parts(value, parts), parts.mirrored)

    def _seen(self, value: TargetValue, in_mirror: bool) -> TargetValue:
        if not (in_mirror and self.mirrored):
            return value
        return self.kind.pointed(value, self.exchanged, self)

    def exact(self, value: TargetValue) -> TargetValue:
        """A value as the kind says it is.

        Raises:
            ValueError: it is none of this target; begins with a verb.
        """
        try:
            exact = self.kind.exact(value)
        except ValueError as error:
            raise ValueError(f"is no {self.kind}: {error}") from error
        wrong = self.kind.misfit(exact, self)
        if wrong is not None:
            raise ValueError(wrong)
        return exact


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, tuple) else value


@dataclass
class Boxes:
    """The objects in one image.

    Args:
        xyxy: (N, 4) float32 pixels, 0-based and half-open: the whole image is (0, 0, W, H).
        labels: (N,) int64 class indices.
        difficult: (N,) bool; such objects neither help nor hurt in evaluation.
        within: x1, y1, x2, y2 of the part of the picture that shows the image, pixels, where that
            is not all of it: what is predicted outside is cut off before it is measured.
        looked_for: (C,) bool, of which classes all objects were annotated; None means of every one.
            Of the others nothing is known but the objects that are given nevertheless: they are
            neither background in a loss nor false alarms in a metric (as in LVIS; Gupta et al.,
            2019).
    """

    xyxy: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    difficult: npt.NDArray[np.bool_]
    within: tuple[float, float, float, float] | None = None
    looked_for: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def empty(cls) -> Boxes:
        """No objects: a fact about the image, unlike a missing target."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.bool_))

    @property
    def boxes(self) -> Boxes:
        """The same without what else the objects have."""
        return Boxes(self.xyxy, self.labels, self.difficult, self.within, self.looked_for)

    def taken(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Self:
        """Some of the objects."""
        return replace(
            self,
            xyxy=self.xyxy[rows],
            labels=self.labels[rows],
            difficult=self.difficult[rows],
        )


TargetValue = Any
"""``label``: int. ``labels``: (C,) int8 of 0, 1 or IGNORE_LABEL. ``numbers``: (K,) float32, NaN for
unknown. ``boxes``: Boxes. ``mask``: (H, W) uint8. Other kinds: see the kind."""


@dataclass
class Sample:
    """One image and its targets.

    Args:
        image: (H, W, 3) uint8 RGB.
        id: the source file's path, or a name such as ``train/17`` where there is no file.
        targets: target name to value. A target that the sample lacks is absent, never a fake zero.
        size: (width, height) of the image at full resolution in pixels, where it was decoded
            smaller; None means that of ``image``.
        meaning: target name to what it means, of the targets above. A source leaves it out: the
            data set knows.
    """

    image: npt.NDArray[np.uint8]
    id: str
    targets: Mapping[str, TargetValue] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    meaning: Mapping[str, Target] = field(default_factory=dict, repr=False)

    def understood(self, meaning: Mapping[str, Target]) -> Sample:
        """The same with its targets as their kinds say they are, and without undeclared ones.

        Args:
            meaning: the data set's ``targets``.

        Raises:
            BadFile: a value is none of its kind.
        """
        found = understood(self.id, self.targets, meaning)
        return replace(self, targets=found, meaning={name: meaning[name] for name in found})

    def with_targets(self, change: Callable[[TargetKind, TargetValue], TargetValue]) -> Sample:
        """The same with every target's value changed, as its kind does it."""
        changed = {n: change(self._meant(n).kind, value) for n, value in self.targets.items()}
        return replace(self, targets=changed)

    def parts(self) -> dict[str, PlacedParts]:
        """What of each target lies in the picture."""
        return {name: self._meant(name).kind.parts(value) for name, value in self.targets.items()}

    def with_parts(self, parts: Mapping[str, PlacedParts]) -> Sample:
        """The same with what became of the parts of its targets."""
        values = self.targets.items()
        return replace(
            self, targets={n: self._meant(n).from_parts(value, parts[n]) for n, value in values}
        )

    def moved(self, motion: Motion) -> Sample:
        """The same with every target after an affine map of the picture."""
        values = self.targets.items()
        return replace(
            self, targets={n: self._meant(n).moved_alone(value, motion) for n, value in values}
        )

    def _meant(self, name: str) -> Target:
        if name not in self.meaning:
            raise UserError(
                f"sample {self.id}: nobody said what its target {name} means; give it as meaning="
            )
        return self.meaning[name]


def understood(
    name: str, targets: Mapping[str, TargetValue], meaning: Mapping[str, Target]
) -> dict[str, TargetValue]:
    """A sample's targets as their kinds say they are, and without undeclared ones.

    Args:
        name: the sample's id.
        targets: as a source reads them.
        meaning: the data set's ``targets``.

    Raises:
        BadFile: a value is none of its kind.
    """
    found: dict[str, TargetValue] = {}
    for target, value in targets.items():
        if target in meaning:
            try:
                found[target] = meaning[target].exact(value)
            except ValueError as error:
                raise BadFile(name, f"{target} {error}") from error
    return found
