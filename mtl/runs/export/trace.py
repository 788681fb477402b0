"""From a module to a program that needs no Python."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.export import Dim, ExportedProgram

from mtl.errors import RunError
from mtl.runs.export.graph import Graph


def traced(graph: Graph, any_size: bool) -> ExportedProgram:
    """The program, for any number of images.

    Args:
        graph: in evaluation mode, on the CPU.
        any_size: whether pictures of any size go in; images that are resized always do.

    Raises:
        RunError: torch can't make one of it.
    """
    sides = {0: Dim("batch")}
    if graph.resize is not None:
        sides |= {1: Dim("height"), 2: Dim("width")}
    elif any_size:
        # Maps have more than one cell a side then.
        least = 2 * graph.network.encoder.feature_stages[-1].stride
        sides |= {2: Dim("height", min=least), 3: Dim("width", min=least)}
    with torch.no_grad(), quiet():
        # Once as it is: heads find out how large the feature maps are.
        graph(graph.example)
        try:
            program = torch.export.export(graph, (graph.example,), dynamic_shapes=(sides,))
            if len(graph.tasks) == len(graph.network.tasks):
                return program
            rest = _without_unused(program)
            return torch.export.export(rest, (graph.example,), dynamic_shapes=(sides,))
        except Exception as error:  # of whatever kind torch has for it
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            hint = "; leave out any_size=true" if any_size else ""
            raise RunError(f"this network can't be exported: {reason}{hint}") from error


def _without_unused(program: ExportedProgram) -> torch.nn.Module:
    """The program as a module that has no parameters but those that it uses."""
    # What works in place counts as used by itself.
    module: torch.fx.GraphModule = program.run_decompositions({}).module(check_guards=False)
    module.graph.eliminate_dead_code()
    module.recompile()
    used = {node.target for node in module.graph.nodes if node.op == "get_attr"}
    for name in [n for n, _ in (*module.named_parameters(), *module.named_buffers())]:
        if name not in used:
            parent, _, leaf = name.rpartition(".")
            delattr(module.get_submodule(parent), leaf)
    return module


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporters' warnings and progress, which say nothing about the network."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
