"""``encoder=branches``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from mtl.config.nearest import listing
from mtl.errors import UserError
from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.encoder.stage_names import by_place
from mtl.model.encoder.tying import tie
from mtl.model.views.base import Views, blocks


class MakeBackbone(Protocol):
    """Builds one more backbone: of the chosen kind, or as a node of ``conf/backbone`` says."""

    def __call__(self, settings: Mapping[str, Any] | None = None) -> Backbone:
        """Build."""


class Branches(Encoder):
    """N networks that may have stages in common; the views are dealt among them.

    With two copies of one backbone and stages tied, these are the two networks of C-RMTL (a CNN
    with rotation transformations for multi-task learning). A single view goes through every
    branch, which makes N streams of it; of several, view v goes through branch v mod N.

    Tied stages take all branches in one pass, so that their batch statistics are those of all
    views, in training as afterwards.

    Args:
        make_backbone: see ``MakeBackbone``.
        tasks: see ``Encoder``.
        views: see ``Encoder``; one, or a multiple of ``count``.
        count: N, at least 2.
        tied_stages: names or places (0 is the first) of the stages that are one and the same module
            in all branches.
        backbones: one node of ``conf/backbone`` for each branch, or empty for N of the chosen one.
            All of them see pixels normalised as the chosen one expects. Where their channels
            differ from the first's, a 1x1 convolution adapts them.

    Raises:
        UserError: the numbers don't go together, a stage can't be tied, or the strides differ.
    """

    def __init__(
        self,
        make_backbone: MakeBackbone,
        tasks: Sequence[str],
        views: Views,
        count: int = 2,
        tied_stages: Sequence[str | int] = (),
        backbones: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        _check_counts(count, len(backbones), views.count)
        made = [make_backbone(s) for s in backbones] or [make_backbone() for _ in range(count)]
        _check_strides(made)
        named = by_place("encoder.tied_stages", made[0].description, tied_stages)
        self.tied = tie(made, named)
        self.branches = nn.ModuleList(made)
        self.adapters = nn.ModuleList(_adapters(made[0], branch) for branch in made)
        self._own = [_between(branch, self.tied) for branch in made]
        self._every_view = views.count == 1

    @property
    def streams(self) -> tuple[int, ...]:
        """The only view once for each branch, or the views in order."""
        return (0,) * len(self.branches) if self._every_view else super().streams

    @property
    def symmetric(self) -> bool:
        """Only where the branches are the same in all stages."""
        return all(len(self.tied) == len(branch.description) for branch in self._branches())

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """The first branch's."""
        return self._branches()[0].run_stages

    def stage_of(self, parameter: str) -> str:
        """The stage in ``branches.<n>.stages.<stage>.…``, and ``encoder`` for the adapters.

        A stage that the first branch has no name for answers that one's last stage of its stride,
        so that branches of different kinds are frozen alike.
        """
        parts = parameter.split(".")
        if parts[0] == "adapters":
            return "encoder"
        stages = {stage.name: stage for stage in self.description}
        if parts[3] in stages:
            return parts[3]
        own = self._branches()[int(parts[1])].description
        stride = next(stage.stride for stage in own if stage.name == parts[3])
        return next(stage.name for stage in reversed(self.description) if stage.stride == stride)

    def forward(self, image: Tensor) -> dict[str, Features]:
        """One pass for each branch, with its views stacked; tied stages take all in one."""
        branches = self._branches()
        xs = self._deal(image)
        found: list[Features] = [{} for _ in branches]
        for step in range(len(self.tied) + 1):
            for number, branch in enumerate(branches):
                for stage in self._own[number][step]:
                    xs[number] = found[number][stage.stride] = branch.run(stage.name, xs[number])
            if step < len(self.tied):
                xs, stride = self._together(xs, self.tied[step])
                for features, x in zip(found, xs, strict=True):
                    features[stride] = x
        merged = self._in_order([self._adapted(n, features) for n, features in enumerate(found)])
        return dict.fromkeys(self.tasks, merged)

    def _branches(self) -> list[Backbone]:
        return [cast(Backbone, branch) for branch in self.branches]

    def _deal(self, image: Tensor) -> list[Tensor]:
        """What each branch takes: (k·B, 3, h, w) for its k views."""
        count = len(self.branches)
        if self._every_view:
            return [image] * count
        views = blocks(image, self.view_count)
        return [torch.cat(views[number::count]) for number in range(count)]

    def _together(self, xs: list[Tensor], name: str) -> tuple[list[Tensor], int]:
        """A tied stage over all branches, and its stride."""
        first = self._branches()[0]
        stride = next(stage.stride for stage in first.description if stage.name == name)
        if all(x is xs[0] for x in xs):
            return [first.run(name, xs[0])] * len(xs), stride
        return blocks(first.run(name, torch.cat(xs)), len(xs)), stride

    def _adapted(self, number: int, features: Features) -> Features:
        adapters = cast(nn.ModuleDict, self.adapters[number])
        return {
            stride: adapters[str(stride)](x) if str(stride) in adapters else x
            for stride, x in features.items()
        }

    def _in_order(self, found: Sequence[Features]) -> Features:
        """Features of branches, (k·B, C, h, w) each, to those of streams in the order of views."""
        rounds = 1 if self._every_view else self.view_count // len(found)
        merged: Features = {}
        for stage in self.feature_stages:
            dealt = zip(*(blocks(f[stage.stride], rounds) for f in found), strict=True)
            merged[stage.stride] = torch.cat([view for turn in dealt for view in turn])
        return merged


def _between(branch: Backbone, tied: Iterable[str]) -> list[list[Stage]]:
    """The branch's own stages before, between and behind the tied ones."""
    own: list[list[Stage]] = [[]]
    for stage in branch.description:
        if stage.name in tied:
            own.append([])
        else:
            own[-1].append(stage)
    return own


def _adapters(first: Backbone, branch: Backbone) -> nn.ModuleDict:
    """Stride to a 1x1 convolution where a branch's channels differ from the first's."""
    wanted = {stage.stride: stage.channels for stage in first.run_stages}
    return nn.ModuleDict(
        {
            str(stage.stride): nn.Conv2d(stage.channels, wanted[stage.stride], 1)
            for stage in branch.run_stages
            if stage.channels != wanted[stage.stride]
        }
    )


def _check_counts(count: int, backbones: int, views: int) -> None:
    if count < 2:
        raise UserError(f"encoder.count={count}: must be at least 2; encoder=shared is one network")
    if backbones not in (0, count):
        hint = f"write encoder.count={backbones}" if backbones > 1 else f"name {count}"
        raise UserError(
            f"encoder.backbones names {backbones} for the {count} of encoder.count: {hint}"
        )
    if views > 1 and views % count:
        raise UserError(
            f"encoder.count={count}: {views} views can't be dealt evenly among {count} branches; "
            f"choose views=single or a multiple of {count} views"
        )


def _check_strides(branches: Sequence[Backbone]) -> None:
    first, *others = [[stage.stride for stage in b.run_stages] for b in branches]
    for number, strides in enumerate(others, 2):
        if strides != first:
            raise UserError(
                f"encoder.backbones: features at strides {listing(strides)} in number {number}, "
                f"at {listing(first)} in the first; choose backbones whose strides agree"
            )
