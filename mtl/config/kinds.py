"""The kinds of targets that yaml files name; nothing is imported to check a name."""

import re
from collections.abc import Mapping
from typing import Any

from mtl.config.nearest import unknown
from mtl.errors import UserError

KINDS = {
    "label": "mtl.data.target.label.LabelKind",
    "labels": "mtl.data.target.labels.LabelsKind",
    "numbers": "mtl.data.target.numbers.NumbersKind",
    "boxes": "mtl.data.target.boxes.BoxesKind",
    "instances": "mtl.data.target.instances.InstancesKind",
    "keypoints": "mtl.data.target.keypoints.KeypointsKind",
    "poses": "mtl.data.target.poses.PosesKind",
    "mask": "mtl.data.target.mask.MaskKind",
    "depth": "mtl.data.target.depth.DepthKind",
    "normals": "mtl.data.target.normals.NormalsKind",
}
"""Name to the class that knows all about it (see ``mtl.data.target.base``)."""
OWN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
"""How a kind of the user's own is named: by its class."""


def check_kind(where: str, name: object) -> None:
    """See that a kind is one of ours, or could be a class of the user's own.

    Args:
        where: the key that names it.
        name: ``label``, or ``mine.flow.Flow``.

    Raises:
        UserError: it is neither; lists the kinds.
    """
    if not isinstance(name, str) or not (name in KINDS or OWN.fullmatch(name)):
        there = unknown("kind of target", str(name), KINDS)
        raise UserError(f"{where}: {there}; one of your own is named mine.flow.Flow")


def named_kinds(values: Mapping[str, Any]) -> set[str]:
    """The kinds that a configuration names.

    Args:
        values: the whole of it.
    """
    heads = [head.get("kind") for head in (values.get("heads") or {}).values()]
    targets = (values.get("data") or {}).get("targets") or {}
    return {str(kind) for kind in [*heads, *targets.values()] if kind is not None}
