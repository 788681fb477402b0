"""Temperature scaling (Guo et al., On Calibration of Modern Neural Networks, 2017).

One number per task, found on samples that were not trained on: the temperature at which the true
labels are the likeliest. The negative log-likelihood is convex in 1 / T, so there is one optimum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from mtl.model.calibration.tempered import logits, sigmoid_at, softmax_at
from mtl.model.calibration.values import COLDEST, HOTTEST
from mtl.model.curves.calibration import calibration

Scores = npt.NDArray[np.float32]
NOTHING = 1e-9
"""Nats that are not worth a temperature."""


@dataclass(frozen=True)
class FittedTemperature:
    """A temperature, and what it does on the samples that it was found on.

    Args:
        value: the temperature; 1 where there is no better one.
        nll: mean negative log-likelihood before and after, nats.
        reliability: the entries of ``mtl.model.curves.calibration`` before and after.
        decisions: how many it was found on.
        note: why it stayed 1, if something was in the way.
    """

    value: float
    nll: tuple[float, float]
    reliability: tuple[dict[str, Any], dict[str, Any]]
    decisions: int
    note: str = ""

    @property
    def ece(self) -> tuple[float, float]:
        """Expected calibration error before and after."""
        before, after = (float(entry["ece"]) for entry in self.reliability)
        return before, after


def fit_softmax(scores: Scores, truth: npt.NDArray[np.int64]) -> FittedTemperature:
    """One temperature for n decisions between C classes.

    Args:
        scores: (n, C) probabilities with sum 1, n > 0.
        truth: (n,) true classes.
    """
    given, rows = torch.from_numpy(scores), np.arange(len(truth))
    # float64, in which products of many probabilities don't vanish.
    z = given.clamp(min=torch.finfo(given.dtype).tiny).double().log().numpy()

    def nll(temperature: float) -> float:
        return -float(log_softmax(z / temperature, axis=1)[rows, truth].mean())

    def reliability(temperature: float) -> dict[str, Any]:
        sure, said = (part.numpy() for part in softmax_at(given, temperature).max(1))
        return calibration(sure, said == truth)

    return _fitted(nll, reliability, len(truth))


def fit_sigmoid(scores: Scores, truth: npt.NDArray[np.bool_]) -> FittedTemperature:
    """One temperature for n yes-or-no decisions.

    Args:
        scores: (n,) probabilities, n > 0.
        truth: (n,) whether it is so.
    """
    given = torch.from_numpy(scores)
    z = logits(given).double().numpy()
    wrong = np.where(truth, -z, z)

    def nll(temperature: float) -> float:
        return float(np.logaddexp(0, wrong / temperature).mean())

    def reliability(temperature: float) -> dict[str, Any]:
        return calibration(sigmoid_at(given, temperature).numpy(), truth)

    return _fitted(nll, reliability, len(truth))


def _fitted(
    nll: Callable[[float], float], reliability: Callable[[float], dict[str, Any]], decisions: int
) -> FittedTemperature:
    value, note = best(nll)
    return FittedTemperature(
        value,
        (nll(1.0), nll(value)),
        (reliability(1.0), reliability(value)),
        decisions,
        note,
    )


def best(nll: Callable[[float], float]) -> tuple[float, str]:
    """The temperature with the least loss, and why it stays 1 where there is no optimum.

    There is none where all decisions are right, which any sharpening would make likelier, or where
    they are no better than chance.

    Args:
        nll: loss at a temperature, with at most one minimum.
    """
    bounds = np.log([COLDEST, HOTTEST])
    found = minimize_scalar(
        lambda x: nll(float(np.exp(x))), bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    if nll(1.0) <= found.fun + NOTHING:
        return 1.0, ""
    if nll(COLDEST) <= found.fun + NOTHING:
        return 1.0, "too few mistakes to tell a temperature"
    if nll(HOTTEST) <= found.fun + NOTHING:
        return 1.0, "no better than chance: no temperature helps"
    return float(np.exp(found.x)), ""
