"""Many objects per image: FCOS over a feature pyramid.

Which point answers for which object is decided in ``fcos_targets``, what answers cost in
``fcos_loss``, which boxes they mean in ``fcos_outputs``, and what becomes of these in ``detector``.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import FeaturePyramidNetwork

from mtl.data.batch import BoxBatch, Labelled
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.backbone.base import Features, Stage
from mtl.model.head.detections import DetectionBatch
from mtl.model.head.detector import Detector
from mtl.model.head.fcos_loss import fcos_divergence, fcos_loss
from mtl.model.head.fcos_outputs import RAW, candidates_of
from mtl.model.head.fcos_points import Points
from mtl.model.head.fcos_targets import Assignment, assign, orphans, to_find
from mtl.model.head.options import check_per_class, check_range
from mtl.model.head.pyramid_decoder import narrow_pyramid

NORM_GROUPS = 32
"""Of the group normalisation inside torchvision's FCOS head."""
FIRST_SIDE = 2.0
"""From a point to each side of its box before anything is learned, in strides."""


class Detection(Detector):
    """Fully convolutional one-stage detection (FCOS; Tian et al., 2019) with torchvision's parts.

    ``forward`` returns for the P points of the pyramid's levels, from fine to coarse and row by
    row, ``cls_logits`` (n, P, C), ``bbox_regression`` (n, P, 4), the distances left, top, right,
    bottom in strides, and ``bbox_ctrness`` (n, P, 1), a logit. ``predict`` returns a batch of n
    ``Detections``.

    Args:
        target: boxes.
        stages: the features on offer.
        image_size: pixels.
        metrics: of ``map``, ``map50``, ``recall``.
        per_class: add the metric ``map_<class>`` for each class.
        strides: the pyramid's levels. Those that the backbone doesn't offer are dropped; the
            finest level that is left answers for all small and the coarsest for all large objects.
        channels: of the pyramid and the head, a multiple of 32.
        convs: how many in each of the head's two branches, before the output.
        focal_alpha: weight of positive against negative points, 0..1 (Lin et al., 2017).
        focal_gamma: how much easy points are played down, 0 for not at all.
        class_weights: C factors of the classification loss, or None for ones.
        score_threshold: candidates that score less are dropped.
        candidates: how many of an image's best go into non-maximum suppression.
        nms: IoU above which two boxes of a class are one object.
        detections: per image at most.
        draw_threshold: score from which on a detection is drawn, unless its class has another one.

    Raises:
        UserError: an option out of its range, or none of the strides on offer.
    """

    may_leave_out = True

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str] = ("map", "map50", "recall"),
        per_class: bool = False,
        strides: Sequence[int] = (8, 16, 32),
        channels: int = 64,
        convs: int = 2,
        focal_alpha: float = 0.25,
        focal_gamma: float = 2.0,
        class_weights: Sequence[float] | None = None,
        score_threshold: float = 0.05,
        candidates: int = 1000,
        nms: float = 0.6,
        detections: int = 100,
        draw_threshold: float = 0.5,
    ) -> None:
        super().__init__(
            target=target,
            stages=stages,
            image_size=image_size,
            metrics=metrics,
            per_class=per_class,
            score_threshold=score_threshold,
            nms=nms,
            detections=detections,
            draw_threshold=draw_threshold,
        )
        name = type(self).__name__.lower()
        levels = [s for s in sorted(stages, key=lambda s: s.stride) if s.stride in strides]
        if not levels:
            offered = ", ".join(str(stage.stride) for stage in stages)
            raise UserError(f"{name}.strides={list(strides)}: not on offer; allowed: {offered}")
        if channels < NORM_GROUPS or channels % NORM_GROUPS:
            raise UserError(f"{name}.channels={channels}: allowed: multiples of {NORM_GROUPS}")
        check_range(name, "convs", convs, 0)
        check_range(name, "focal_alpha", focal_alpha, 0, 1)
        check_range(name, "focal_gamma", focal_gamma, 0)
        check_range(name, "candidates", candidates, 1)
        check_per_class(name, "class_weights", class_weights, target.classes)
        self.focal_alpha = focal_alpha
        self.focal_gamma = focal_gamma
        self.candidates = candidates
        self.strides = tuple(level.stride for level in levels)
        self.pyramid = FeaturePyramidNetwork([level.channels for level in levels], channels)
        self.outputs = FCOSHead(channels, 1, len(target.classes), convs)
        # Its last operation is a ReLU: sides that begin at 0 end there for good, in some networks.
        nn.init.constant_(self.outputs.regression_head.bbox_reg.bias, FIRST_SIDE)
        self.points = Points(self.strides, image_size)
        self.class_weights: Tensor
        weights = [1.0] * len(target.classes) if class_weights is None else list(class_weights)
        self.register_buffer("class_weights", torch.tensor(weights), persistent=False)

    @property
    def reads(self) -> tuple[int, ...]:
        """The pyramid's levels."""
        return self.strides

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Head``."""
        narrow_pyramid(self.pyramid, [kept[stride] for stride in self.strides])

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Run pyramid and branches; see the class for what comes out."""
        levels = OrderedDict((str(stride), features[stride]) for stride in self.strides)
        nothing = any(level.shape[0] == 0 for level in levels.values())
        if nothing:  # torchvision's head can't tell the shape of no rows
            levels = OrderedDict((k, x.new_zeros(1, *x.shape[1:])) for k, x in levels.items())
        maps = list(self.pyramid(levels).values())
        self.points.fit([(found.shape[-2], found.shape[-1]) for found in maps])
        raw = self.answers(maps)
        return {name: rows[:0] for name, rows in raw.items()} if nothing else raw

    def answers(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """What ``forward`` returns, of the pyramid's levels, (n, channels, h, w) each."""
        raw: dict[str, Tensor] = self.outputs(maps)
        return raw

    def loss(self, raw: dict[str, Tensor], labels: Labelled) -> Tensor:
        """Focal + GIoU + centerness, per foreground point; see ``fcos_loss``."""
        boxes = labels.value
        assert isinstance(boxes, BoxBatch)
        boxes = boxes.at_least_one()
        return self.found_loss(raw, boxes, assign(self.points, boxes))

    def found_loss(self, raw: dict[str, Tensor], boxes: BoxBatch, found: Assignment) -> Tensor:
        """``loss``, of objects whose points are known.

        Args:
            raw: output of ``forward``.
            boxes: of n images, with places for at least one object.
            found: which point answers for which.
        """
        return fcos_loss(
            raw,
            boxes,
            found,
            self.points,
            alpha=self.focal_alpha,
            gamma=self.focal_gamma,
            class_weights=self.class_weights,
        )

    def distillation(
        self, raw: dict[str, Tensor], taught: dict[str, Tensor], temperature: float
    ) -> Tensor:
        """See ``fcos_divergence``."""
        return fcos_divergence(raw, taught, temperature)

    def left_out(self, labels: Labelled) -> tuple[int, int]:
        """The objects whose points smaller ones have, and all that have to be found."""
        boxes = labels.value
        assert isinstance(boxes, BoxBatch)
        boxes = boxes.at_least_one().map(lambda part: part.to(self.points.center.device))
        without = orphans(assign(self.points, boxes), boxes)
        return int(without.sum()), int(to_find(boxes).sum())

    @torch.no_grad()
    def predict(self, raw: dict[str, Tensor]) -> DetectionBatch:
        """Decide: n images' detections in network pixels, clipped to the picture.

        A score is the geometric mean of the class's probability and the point's centerness.
        """
        return self.decided(raw)[0]

    def decided(self, raw: dict[str, Tensor]) -> tuple[DetectionBatch, Tensor]:
        """``predict``, and (n, R) which point each comes from."""
        candidates, spots = candidates_of(
            raw,
            self.points,
            most=self.candidates,
            threshold=self.score_threshold,
            image_size=self.image_size,
        )
        kept = candidates.kept(self.nms, self.detections, len(self.target.classes))
        candidates = candidates.only(kept)
        order = candidates.order[:, : self.detections]
        return candidates.taken(order), spots.gather(1, order)

    @property
    def output_count(self) -> int:
        """Per point a logit for each class, four sides and the centerness."""
        return len(self.target.classes) + 5

    def put_together(self, raws: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Shares of a point's outputs: its class logits, then its sides, then its centerness."""
        whole = (
            super()
            .put_together(
                [torch.cat([raw[name] for name in RAW], dim=-1).movedim(-1, 1) for raw in raws]
            )
            .movedim(1, -1)
        )
        widths = [len(self.target.classes), 4, 1]
        return dict(zip(RAW, whole.split(widths, dim=-1), strict=True))
