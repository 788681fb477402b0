"""The score over tasks."""

import pytest
import torch
from torch import Tensor, nn

from mtl.learning.evaluation import Evaluation


class Says(nn.Module):
    """Metrics of one value."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def compute(self) -> dict[str, Tensor]:
        return {"main": torch.tensor(self.value)}

    def reset(self) -> None:
        pass


def test_a_share_below_0_counts_as_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """An R² of -7 must not rule what two tasks have in the mean."""
    monkeypatch.setattr(Evaluation, "__init__", nn.Module.__init__)
    evaluation = Evaluation()  # type: ignore[call-arg]
    evaluation.split, evaluation._losses, evaluation.set_metrics = "val", {}, nn.ModuleDict()
    evaluation.main = {"age": "main", "sex": "main"}
    evaluation.metrics = nn.ModuleDict({"age": Says(-7.0), "sex": Says(0.75)})
    monkeypatch.setattr(evaluation, "_sums", lambda task: torch.zeros(2))
    values = evaluation.results(torch.device("cpu"), lambda value: value)
    assert float(values["val/age/main"]) == -7
    assert float(values["val/score"]) == 0.375
