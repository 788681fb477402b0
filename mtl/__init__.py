"""mtl: config-driven multi-task learning experiments in computer vision."""

__version__ = "0.1.0"
