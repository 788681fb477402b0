"""Inner products of the tasks' gradients at layers, without the gradients themselves."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from mtl.learning.weighting.gradient import Row
from mtl.learning.weighting.layout import laid_out_like
from mtl.learning.weighting.window import Found

Layer = nn.Conv2d | nn.Linear


@dataclass(frozen=True)
class Call:
    """What went into and came out of a layer in one forward pass.

    A layer's output is n positions (of all images) with O channels; each comes from D inputs.

    Args:
        layer: it.
        input: what it was given.
        edge: where gradients reach its output, whatever is done to that in place later on.
        positions: n.
    """

    layer: Layer
    input: Tensor
    edge: GradientEdge
    positions: int

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those that train."""
        return [p for p in self.layer.parameters() if p.requires_grad]

    def cheaper(self, tasks: int) -> bool:
        """Whether n² (D + m O) multiplications are fewer than those of m - 1 gradients.

        One of the m gradients' worth is needed anyhow, for the step.

        Args:
            tasks: m.
        """
        outputs, inputs = self.layer.weight.flatten(1).shape
        return self.positions * (inputs + tasks * outputs) < (tasks - 1) * inputs * outputs

    def products(self, gradients: Sequence[Tensor]) -> Tensor:
        """Inner products of m gradients at the parameters.

        The gradient at the weight is dᵀ a, so that of two tasks' the inner product is that of
        d and a aᵀ d' (as for the norms of single samples' gradients in Goodfellow, 2015).

        Args:
            gradients: m of them at the output, d in the output's shape.

        Returns:
            (m, m), symmetric.
        """
        inputs = self._inputs()
        positions = inputs @ inputs.T
        bias = self.layer.bias
        if bias is not None and bias.requires_grad:
            positions += 1
        outputs = torch.stack([self._rows(gradient) for gradient in gradients])
        found = outputs.flatten(1) @ (positions @ outputs).flatten(1).T
        return (found + found.T) / 2

    @torch.no_grad()
    def gradients(self, gradient: Tensor) -> Found:
        """Those at the parameters that train.

        Args:
            gradient: at the output, in its shape.
        """
        rows = self._rows(gradient)
        at_weight = rows.T @ self._inputs()
        if isinstance(self.layer, nn.Conv2d):
            height, width = self.layer.kernel_size
            at_weight = at_weight.view(len(at_weight), height, width, -1).permute(0, 3, 1, 2)
        return {
            parameter: laid_out_like(at_weight if parameter.ndim > 1 else rows.sum(0), parameter)
            for parameter in self.parameters
        }

    def _inputs(self) -> Tensor:
        """a: (n, D)."""
        x = self.input.detach()
        if isinstance(self.layer, nn.Linear):
            return x.flatten(0, -2)
        rows, columns = (int(p) for p in self.layer.padding)
        x = F.pad(x, (columns, columns, rows, rows)).permute(0, 2, 3, 1)
        sizes = zip(self.layer.kernel_size, self.layer.dilation, self.layer.stride, strict=True)
        for axis, (kernel, dilation, stride) in enumerate(sizes, 1):
            x = x.unfold(axis, dilation * (kernel - 1) + 1, stride)[..., ::dilation]
        return x.permute(0, 1, 2, 4, 5, 3).flatten(0, 2).flatten(1)

    def _rows(self, gradient: Tensor) -> Tensor:
        """d: (n, O)."""
        if isinstance(self.layer, nn.Linear):
            return gradient.flatten(0, -2)
        return gradient.permute(0, 2, 3, 1).flatten(0, 2)


class LayerWatch:
    """Remembers the calls of layers in a forward pass.

    Watched are ordinary convolutions and linear layers that are called once and in full
    precision. Others' gradients have to be taken as they are.

    Args:
        module: holds the layers.
        measured: their parameters count, which no other code than the layers may use.
    """

    def __init__(self, module: nn.Module, measured: Sequence[nn.Parameter]) -> None:
        owners = Counter(id(p) for m in module.modules() for p in m.parameters(recurse=False))
        mine = {id(p) for p in measured if owners[id(p)] == 1}
        self.layers = [
            m
            for m in module.modules()
            if _ordinary(m) and all(id(p) in mine for p in m.parameters())
        ]
        self.calls: dict[nn.Module, list[Call | None]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """To be around the forward pass."""
        self.calls = {}
        with ExitStack() as stack:
            for layer in self.layers:
                # Before hooks of others, which may put something else in the output's place.
                handle = layer.register_forward_hook(self._keep, prepend=True)
                stack.callback(handle.remove)
            yield

    def _keep(self, layer: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
        if not output.requires_grad:
            return
        call: Call | None = None
        if isinstance(layer, Layer) and layer.weight.requires_grad and len(arguments) == 1:
            given: Tensor = arguments[0]
            full = given.dtype == output.dtype and given.dtype in (torch.float32, torch.float64)
            if full and output.ndim == (4 if isinstance(layer, nn.Conv2d) else given.ndim) > 1:
                edge = get_gradient_edge(output)
                call = Call(layer, given, edge, output.numel() // len(layer.weight))
        self.calls.setdefault(layer, []).append(call)

    def take(self, tasks: int) -> list[Call]:
        """The calls that are worth it; forgets all.

        Args:
            tasks: how many gradients there are.
        """
        calls, self.calls = self.calls, {}
        once = [found[0] for found in calls.values() if len(found) == 1]
        return [call for call in once if call is not None and call.cheaper(tasks)]


def _ordinary(module: nn.Module) -> bool:
    """Subclasses may do anything with their weights, and groups would be many small products."""
    if type(module) is nn.Conv2d:
        plain = module.padding_mode == "zeros" and not isinstance(module.padding, str)
        return plain and module.groups == 1
    return type(module) is nn.Linear


@torch.no_grad()
def layer_products(calls: Sequence[Call], gradients: Sequence[Row], like: Tensor) -> Tensor:
    """Inner products of m tasks' gradients, over all parameters of some layers.

    Args:
        calls: of the layers.
        gradients: m lists of the gradients at their outputs; None where a task doesn't reach.
        like: says on which device the result is to be.

    Returns:
        (m, m) float32, or float64 for layers in that; symmetric.
    """
    total = torch.zeros((len(gradients), len(gradients)), device=like.device)
    for call, column in zip(calls, zip(*gradients, strict=True), strict=True):
        there = [(i, g) for i, g in enumerate(column) if g is not None]
        if there:
            places, present = zip(*there, strict=True)
            index = torch.tensor(places, device=like.device)
            found = call.products(present)
            total = total.to(found.dtype)
            total[index[:, None], index] += found
    return total
