"""mtl: config-driven multi-task learning experiments in computer vision.

What members of a user's own are written with comes from here, whatever room it lives in. A name is
imported when it is asked for, so that ``import mtl`` costs nothing and needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtl.data.augmentation.spec import Augmentation as Augmentation
    from mtl.data.batch import Batch as Batch
    from mtl.data.batch import BoxBatch as BoxBatch
    from mtl.data.batch import Labelled as Labelled
    from mtl.data.instances import InstanceBatch as InstanceBatch
    from mtl.data.instances import Instances as Instances
    from mtl.data.masks import Masks as Masks
    from mtl.data.poses import PoseBatch as PoseBatch
    from mtl.data.poses import Poses as Poses
    from mtl.data.preprocess.base import Frame as Frame
    from mtl.data.preprocess.base import Preprocess as Preprocess
    from mtl.data.preprocess.standard import Standard as Standard
    from mtl.data.sample import (
        IGNORE_LABEL as IGNORE_LABEL,
    )
    from mtl.data.sample import (
        IGNORE_PIXEL as IGNORE_PIXEL,
    )
    from mtl.data.sample import (
        Boxes as Boxes,
    )
    from mtl.data.sample import (
        Sample as Sample,
    )
    from mtl.data.sample import (
        Target as Target,
    )
    from mtl.data.sources.base import (
        ArraySource as ArraySource,
    )
    from mtl.data.sources.base import (
        DataSet as DataSet,
    )
    from mtl.data.sources.base import (
        Source as Source,
    )
    from mtl.data.sources.file_source import FileSource as FileSource
    from mtl.data.target.base import TargetKind as TargetKind
    from mtl.data.target.motion import Motion as Motion
    from mtl.data.target.motion import Turn as Turn
    from mtl.data.target.pixel_map import PixelMap as PixelMap
    from mtl.data.target.vector_map import VectorMap as VectorMap
    from mtl.errors import BadFile as BadFile
    from mtl.errors import RunError as RunError
    from mtl.errors import UserError as UserError
    from mtl.learning.init.base import Init as Init
    from mtl.learning.scheduler.base import Schedule as Schedule
    from mtl.learning.unfreezing.base import StageFreezing as StageFreezing
    from mtl.learning.weighting.bases.base import Weighting as Weighting
    from mtl.learning.weighting.bases.gramian import GramianWeighting as GramianWeighting
    from mtl.learning.weighting.bases.losses import LossWeighting as LossWeighting
    from mtl.learning.weighting.bases.rows import RowWeighting as RowWeighting
    from mtl.learning.weighting.bases.task_gradients import TaskGradients as TaskGradients
    from mtl.model.backbone.base import Backbone as Backbone
    from mtl.model.backbone.base import Features as Features
    from mtl.model.backbone.base import Stage as Stage
    from mtl.model.backbone.weights import apply_weights as apply_weights
    from mtl.model.curves.base import HeadCurves as HeadCurves
    from mtl.model.encoder.base import Encoder as Encoder
    from mtl.model.ensemble.base import Ensemble as Ensemble
    from mtl.model.fusion.base import Fusion as Fusion
    from mtl.model.head.base import Head as Head
    from mtl.model.head.base import HeadMetrics as HeadMetrics
    from mtl.model.head.pooled import Pooled as Pooled
    from mtl.model.head.scores import present as present
    from mtl.model.head.scores import quietly as quietly
    from mtl.model.samples.base import HeadSamples as HeadSamples
    from mtl.model.views.base import Views as Views
    from mtl.model.views.placement import Placement as Placement
    from mtl.model.views.placement import see as see
    from mtl.runs.compression.base import Step as Step
    from mtl.runs.compression.base import Workpiece as Workpiece
    from mtl.runs.opened import OpenedRun as OpenedRun
    from mtl.runs.opened import open_run as open_run
    from mtl.runs.opened import train as train

__version__ = "0.1.0"

_HOMES = {
    # data, preprocess, augmentation
    "DataSet": "mtl.data.sources.base",
    "Source": "mtl.data.sources.base",
    "ArraySource": "mtl.data.sources.base",
    "FileSource": "mtl.data.sources.file_source",
    "Sample": "mtl.data.sample",
    "Target": "mtl.data.sample",
    "Boxes": "mtl.data.sample",
    "Instances": "mtl.data.instances",
    "Masks": "mtl.data.masks",
    "TargetKind": "mtl.data.target.base",
    "PixelMap": "mtl.data.target.pixel_map",
    "VectorMap": "mtl.data.target.vector_map",
    "Motion": "mtl.data.target.motion",
    "Turn": "mtl.data.target.motion",
    "IGNORE_LABEL": "mtl.data.sample",
    "IGNORE_PIXEL": "mtl.data.sample",
    "Batch": "mtl.data.batch",
    "BoxBatch": "mtl.data.batch",
    "InstanceBatch": "mtl.data.instances",
    "Poses": "mtl.data.poses",
    "PoseBatch": "mtl.data.poses",
    "Labelled": "mtl.data.batch",
    "Preprocess": "mtl.data.preprocess.base",
    "Frame": "mtl.data.preprocess.base",
    "Standard": "mtl.data.preprocess.standard",
    "Augmentation": "mtl.data.augmentation.spec",
    # views, backbone, encoder, fusion, head, ensemble
    "Views": "mtl.model.views.base",
    "Placement": "mtl.model.views.placement",
    "see": "mtl.model.views.placement",
    "Backbone": "mtl.model.backbone.base",
    "Stage": "mtl.model.backbone.base",
    "Features": "mtl.model.backbone.base",
    "apply_weights": "mtl.model.backbone.weights",
    "Encoder": "mtl.model.encoder.base",
    "Fusion": "mtl.model.fusion.base",
    "Head": "mtl.model.head.base",
    "HeadMetrics": "mtl.model.head.base",
    "HeadCurves": "mtl.model.curves.base",
    "HeadSamples": "mtl.model.samples.base",
    "Pooled": "mtl.model.head.pooled",
    "present": "mtl.model.head.scores",
    "quietly": "mtl.model.head.scores",
    "Ensemble": "mtl.model.ensemble.base",
    # init, weighting, unfreezing
    "Init": "mtl.learning.init.base",
    "Weighting": "mtl.learning.weighting.bases.base",
    "LossWeighting": "mtl.learning.weighting.bases.losses",
    "GramianWeighting": "mtl.learning.weighting.bases.gramian",
    "RowWeighting": "mtl.learning.weighting.bases.rows",
    "TaskGradients": "mtl.learning.weighting.bases.task_gradients",
    "StageFreezing": "mtl.learning.unfreezing.base",
    "Schedule": "mtl.learning.scheduler.base",
    # runs
    "open_run": "mtl.runs.opened",
    "train": "mtl.runs.opened",
    "OpenedRun": "mtl.runs.opened",
    "Step": "mtl.runs.compression.base",
    "Workpiece": "mtl.runs.compression.base",
    # what goes wrong
    "UserError": "mtl.errors",
    "BadFile": "mtl.errors",
    "RunError": "mtl.errors",
}
"""Public name to the module that defines it."""

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the keys are strings


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mtl' has no attribute '{name}'")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
