"""``encoder=dselect_k``."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone
from mtl.model.encoder.mmoe import MMoE
from mtl.model.views.base import Views


class DSelectK(MMoE):
    """DSelect-k (Hazimeh et al., 2021), with backbones as experts.

    As ``MMoE``, but each task takes at most k experts for an image and stride. k selectors each
    write the number of one expert in binary digits, which a smooth step brings to exactly 0 or 1
    as training goes on, and are mixed by a softmax.

    It differs from the paper in two points. Where the number of experts is no power of two, the
    numbers left over name the first experts once more, so that no penalty has to keep selectors
    from experts that aren't there. There is no entropy regulariser, since an encoder has no loss of
    its own: nothing but the tasks' losses brings the digits to 0 and 1.

    Args:
        experts: how many, at least 2.
        k: how many a task takes at most, up to ``experts``.
        gamma: width of the smooth step; digits of a logit beyond half of it, either way, are 0
            and 1.
        at: the first stage that each expert has for itself, the stages before it being shared;
            None: experts are whole backbones.

    Raises:
        UserError: ``k`` is larger than ``experts``, or the backbone has no such stage.
    """

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        experts: int = 4,
        k: int = 2,
        gamma: float = 1.0,
        at: str | None = None,
    ) -> None:
        if k > experts:
            raise UserError(f"encoder.k={k}: there are {experts} experts")
        self.k, self.gamma, self.count = k, gamma, experts
        super().__init__(make_backbone, tasks, views, experts, at)

    def make_gate(self, task: str) -> nn.Module:
        """Logits of the k selectors' digits and of their mixture."""
        digits = (self.count - 1).bit_length()
        return Selectors(self.gate_inputs, len(self.gated), self.k, digits, self.gamma)

    def weights(self, task: str, summary: Tensor) -> Tensor:
        """(B, C) seen by the gates, to (B, strides, experts) with sum 1 over these."""
        digits, shares = cast(tuple[Tensor, Tensor], self.gates[task](summary))
        numbers = torch.einsum("bsk,bskn->bsn", shares, number_weights(digits))
        weights = numbers[..., : self.count]
        again = numbers[..., self.count :]
        return weights + nn.functional.pad(again, (0, self.count - again.shape[-1]))


class Selectors(nn.Module):
    """The logits of a task's selectors, linear in what its gate sees.

    Args:
        inputs: numbers that are seen.
        strides: how many are gated.
        k: selectors for each.
        digits: of an expert's number.
        gamma: see ``smooth_step``.
    """

    def __init__(self, inputs: int, strides: int, k: int, digits: int, gamma: float) -> None:
        super().__init__()
        self.shape = (strides, k)
        self.width = digits
        self.gamma = gamma
        self.digits = nn.Linear(inputs, strides * k * digits)
        self.shares = nn.Linear(inputs, strides * k)
        for parameter in self.digits.parameters():
            # As the authors do: no selector has decided anything at the start.
            nn.init.uniform_(parameter, -gamma / 100, gamma / 100)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """(B, inputs) to digits (B, strides, k, digits) in 0..1 and shares (B, strides, k)."""
        digits = smooth_step(self.digits(seen), self.gamma)
        shares: Tensor = self.shares(seen)
        shares = torch.unflatten(shares, -1, self.shape).softmax(-1)
        return torch.unflatten(digits, -1, (*self.shape, self.width)), shares


def smooth_step(t: Tensor, gamma: float) -> Tensor:
    """0 up to -gamma/2, 1 from gamma/2 on, a cubic between (Hazimeh et al., 2020)."""
    t = (t / gamma).clamp(-0.5, 0.5)
    return 0.5 + t * (1.5 - 2 * t.square())


def number_weights(digits: Tensor) -> Tensor:
    """Binary digits to the weight of each number that they can write.

    Args:
        digits: (..., m) in 0..1, the lowest digit first.

    Returns:
        (..., 2 ** m) with sum 1: the product of the number's digits, or of what they lack to 1
        where it has a 0.
    """
    weights = torch.ones_like(digits[..., :1])
    for digit in digits.unbind(-1):
        one = digit.unsqueeze(-1)
        weights = torch.cat([weights * (1 - one), weights * one], -1)
    return weights
