"""The members of ``views=`` with the options of their yaml."""

from functools import cache
from typing import Any

import torch

from mtl.config.instantiate import container, make
from mtl.config.load import load
from mtl.data.sample import Target
from mtl.model.build import build_network
from mtl.model.network import Network
from mtl.model.views.base import Views

TARGETS = {"label": Target("label", ("a", "b", "c"))}
SMALL = ("image_size=32", "backbone.width=4", "tasks=[classification]", "data=shapes")


@cache
def defaults(member: str) -> dict[str, Any]:
    """The options of a member's yaml."""
    return container(load([f"views={member}"]).views)


def views(member: str, **options: Any) -> Views:
    """A member with the options of its yaml and others."""
    made = make({**defaults(member), **options}, Views)
    assert isinstance(made, Views)
    return made


def network(*overrides: str) -> Network:
    torch.manual_seed(0)
    return build_network(load([*SMALL, *overrides]), TARGETS)
