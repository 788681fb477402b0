"""mtl: config-driven multi-task learning experiments in computer vision."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtl.runs.opened import OpenedRun as OpenedRun
    from mtl.runs.opened import open_run as open_run
    from mtl.runs.opened import train as train

__version__ = "0.1.0"

_HOMES = {
    "OpenedRun": "mtl.runs.opened",
    "open_run": "mtl.runs.opened",
    "train": "mtl.runs.opened",
}
"""Public name to the module that defines it, imported when it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mtl' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
