"""Temperatures: those that labels were drawn at are found again, and no order changes."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.data.sample import IGNORE_PIXEL
from mtl.model.calibration.classes import ClassCalibrator, PixelCalibrator
from mtl.model.calibration.multilabel import MultilabelCalibrator
from mtl.model.calibration.temperature import fit_sigmoid, fit_softmax
from mtl.model.calibration.tempered import sigmoid_at, softmax_at
from mtl.model.calibration.values import Aim

N = 20_000


def labelled(value: Tensor) -> Labelled:
    return Labelled(torch.arange(len(value)), value)


def drawn(temperature: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits of four classes, and labels as often as softmax at a temperature says."""
    draw = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(N, 4, generator=draw)
    truth = torch.multinomial((logits / temperature).softmax(1), 1, generator=draw).squeeze(1)
    return logits, truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_at(temperature: float) -> None:
    logits, truth = drawn(temperature)
    found = fit_softmax(logits.softmax(1).numpy(), truth.numpy())
    assert found.value == pytest.approx(temperature, rel=0.03)
    assert found.nll[1] <= found.nll[0]
    assert found.ece[1] < 0.012
    assert (found.note, found.decisions) == ("", N)
    yes = (
        torch.rand(N, generator=torch.Generator().manual_seed(1))
        < (logits[:, 0] / temperature).sigmoid()
    )
    found = fit_sigmoid(logits[:, 0].sigmoid().numpy(), yes.numpy())
    assert found.value == pytest.approx(temperature, rel=0.04)
    assert found.ece[1] < 0.02


def test_by_hand() -> None:
    """Three of four are right at a margin of 2 nats: sigmoid(2 / T) = 3 / 4."""
    scores = torch.tensor([[2.0, 0.0]] * 4).softmax(1).numpy()
    found = fit_softmax(scores, np.array([0, 0, 0, 1]))
    assert found.value == pytest.approx(2 / math.log(3), rel=1e-4)
    sure = 1 / (1 + math.exp(-2))
    assert found.nll[0] == pytest.approx(-0.75 * math.log(sure) - 0.25 * math.log(1 - sure))
    assert found.nll[1] == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert found.ece == pytest.approx((sure - 0.75, 0), abs=1e-5)
    # The same as a yes, and as a no.
    for sign, truth in ((2.0, [True, True, True, False]), (-2.0, [False, False, False, True])):
        yes = fit_sigmoid(torch.full((4,), sign).sigmoid().numpy(), np.array(truth))
        assert yes.value == pytest.approx(2 / math.log(3), rel=1e-4)


def test_where_there_is_no_optimum_nothing_changes() -> None:
    scores = torch.tensor([[2.0, 0.0]] * 3).softmax(1).numpy()
    right = fit_softmax(scores, np.array([0, 0, 0]))
    assert (right.value, right.note) == (1.0, "too few mistakes to tell a temperature")
    assert right.nll[0] == right.nll[1]
    wrong = fit_softmax(scores, np.array([1, 1, 0]))
    assert (wrong.value, wrong.note) == (1.0, "no better than chance: no temperature helps")
    flat = fit_softmax(np.full((3, 2), 0.5, np.float32), np.array([0, 1, 0]))
    assert (flat.value, flat.note) == (1.0, "")


@pytest.mark.parametrize("temperature", [0.3, 1.7, 20.0])
def test_it_is_what_dividing_the_logits_does_and_keeps_the_order(temperature: float) -> None:
    logits = 4 * torch.randn(500, 5, generator=torch.Generator().manual_seed(0))
    softmax, sigmoid = logits.softmax(1), logits.sigmoid()
    torch.testing.assert_close(softmax_at(softmax, temperature), (logits / temperature).softmax(1))
    wide = logits.double()
    torch.testing.assert_close(
        sigmoid_at(wide.sigmoid(), temperature), (wide / temperature).sigmoid()
    )
    assert torch.equal(softmax_at(softmax, temperature).argmax(1), logits.argmax(1))
    for after in (softmax_at(softmax, temperature), sigmoid_at(sigmoid, temperature)):
        assert (after.gather(1, logits.argsort(1)).diff(dim=1) >= 0).all()
    assert softmax_at(softmax, 1.0) is softmax


def test_probabilities_that_were_rounded_to_0_and_1() -> None:
    for dtype in (torch.float32, torch.float64):
        edges = torch.tensor([0.0, 1e-30, 0.5, 1.0], dtype=dtype)
        found = sigmoid_at(edges, 4.0)
        assert (found.diff() > 0).all()
        assert ((found > 0) & (found < 1)).all()
        pair = softmax_at(torch.tensor([[0.0, 1.0]], dtype=dtype), 4.0)
        assert 0 < pair[0, 0] < 1e-9
        assert pair.sum() == 1
    sure = np.array([1.0, 1.0, 0.0, 1.0], np.float32)
    assert np.isfinite(fit_sigmoid(sure, np.array([True, True, True, False])).nll).all()


def test_unknown_entries_and_ignored_pixels_do_not_count() -> None:
    logits, truth = drawn(2.0)
    logits, truth = logits[:300], truth[:300]
    one_hot = torch.nn.functional.one_hot(truth, 4).to(torch.int8)
    whole, part = (MultilabelCalibrator("abcd", 0.5) for _ in range(2))
    whole.update(logits[:200].sigmoid(), labelled(one_hot[:200]))
    part.update(logits[:200].sigmoid(), labelled(one_hot[:200]))
    part.update(logits[200:].sigmoid(), labelled(torch.full_like(one_hot[200:], -1)))
    assert whole.fit(Aim()) == part.fit(Aim())

    classes, pixels = ClassCalibrator(4), PixelCalibrator(4)
    classes.update(logits[:256].softmax(1), labelled(truth[:256]))
    maps = torch.zeros(2, 4, 16, 16) + 0.25
    maps[0] = logits[:256].softmax(1).T.reshape(4, 16, 16)
    mask = torch.full((2, 16, 16), IGNORE_PIXEL, dtype=torch.uint8)
    mask[0] = truth[:256].reshape(16, 16)
    pixels.update(maps, labelled(mask))
    assert classes.fit(Aim()) == pixels.fit(Aim())


def test_large_pictures_are_thinned() -> None:
    pixels = PixelCalibrator(2)
    pixels.update(torch.full((1, 2, 96, 96), 0.5), labelled(torch.zeros(1, 96, 96).byte()))
    found = pixels.fit(Aim())
    assert found is not None
    assert found.temperature is not None
    assert found.temperature.decisions == 32 * 32


def test_nothing_is_found_in_nothing() -> None:
    for calibrator in (ClassCalibrator(3), PixelCalibrator(3), MultilabelCalibrator("abc", 0.5)):
        assert calibrator.fit(Aim()) is None
