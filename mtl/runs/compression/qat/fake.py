"""Layers that compute with rounded weights and activations, so that training gets used to it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOMENTUM = 0.05
"""Share of the newest batch in the range of the activations."""
HIGHEST = 255
"""Of an activation in 8 bits without a sign."""
STEPS = {True: 64, False: 127}
"""Whether weights take 7 bits to their largest step, as ONNX Runtime's quantiser has them."""


class Rounding(nn.Module):
    """What one layer rounds to: its weights by channel, its input by a range that moves along.

    Gradients pass as if nothing were rounded, but for inputs outside the range (straight-through
    estimator; Jacob et al., Quantization and training of neural networks for efficient
    integer-arithmetic-only inference, 2018).

    Args:
        steps: of a weight to either side.
    """

    low: Tensor
    high: Tensor

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        # Not persistent: checkpoints have the names of the network as it is.
        self.register_buffer("low", torch.zeros(()), persistent=False)
        self.register_buffer("high", torch.zeros(()), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """The layer's input, rounded; in training the range moves towards that of the batch."""
        if self.training and values.numel():
            self._follow(values.detach())
        span = (self.high - self.low).clamp_min(torch.finfo(torch.float32).eps)
        scale = span / HIGHEST
        zero = (-self.low / scale).round().clamp(0, HIGHEST).to(torch.int32)
        rounded: Tensor = torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, HIGHEST)
        return rounded

    @torch.no_grad()
    def _follow(self, values: Tensor) -> None:
        low, high = values.amin().clamp_max(0), values.amax().clamp_min(0)
        fresh = bool(self.low == self.high)
        share = 1.0 if fresh else MOMENTUM
        self.low.lerp_(low.float(), share)
        self.high.lerp_(high.float(), share)

    def weight(self, weight: Tensor) -> Tensor:
        """A layer's weight, (outputs, ...), rounded channel by channel."""
        largest = weight.detach().flatten(1).abs().amax(1)
        scale = torch.where(largest > 0, largest, 1).float() / self.steps
        zero = torch.zeros_like(scale, dtype=torch.int32)
        rounded: Tensor = torch.fake_quantize_per_channel_affine(
            weight, scale, zero, 0, -self.steps, self.steps
        )
        return rounded


class RoundedConv(nn.Conv2d):
    """A convolution that rounds; see ``rounding``."""

    rounding: Rounding

    def forward(self, input: Tensor) -> Tensor:
        """As the convolution, with rounded input and weight."""
        weight = self.rounding.weight(self.weight)
        made: Tensor = self._conv_forward(self.rounding(input), weight, self.bias)
        return made


class RoundedLinear(nn.Linear):
    """A linear layer that rounds; see ``rounding``."""

    rounding: Rounding

    def forward(self, input: Tensor) -> Tensor:
        """As the layer, with rounded input and weight."""
        return F.linear(self.rounding(input), self.rounding.weight(self.weight), self.bias)


ROUNDED: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: RoundedConv,
    nn.Linear: RoundedLinear,
}


@contextmanager
def rounding(network: nn.Module, names: Collection[str], reduce_range: bool) -> Iterator[list[str]]:
    """See that layers round as long as this lasts; parameters and their names stay what they are.

    Args:
        network: some modules of it are of another class meanwhile.
        names: of modules; what is no plain convolution or linear layer is passed over.
        reduce_range: whether weights take 7 of the 8 bits.

    Yields:
        Names of the modules that round.
    """
    found = {name: module for name, module in network.named_modules() if name in names}
    plain = {name: module for name, module in found.items() if type(module) in ROUNDED}
    kinds = {name: type(module) for name, module in plain.items()}
    try:
        for module in plain.values():
            made = Rounding(STEPS[reduce_range]).train(module.training)
            module.rounding = made.to(next(module.parameters()).device)
            module.__class__ = ROUNDED[type(module)]
        yield list(plain)
    finally:
        for name, module in plain.items():
            module.__class__ = kinds[name]
            del module.rounding
