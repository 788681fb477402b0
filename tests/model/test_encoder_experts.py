"""What is particular to the levels of ``ple`` and to the selectors of ``dselect_k``."""

import pytest
import torch
from exchange_kit import TASKS, image, make, small
from torch import nn

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone
from mtl.model.backbone.image_channels import take_channels
from mtl.model.encoder.cgc import CGC
from mtl.model.encoder.dselect_k import DSelectK, Selectors, number_weights, smooth_step
from mtl.model.encoder.ple import PLE, SHARED, Level


def test_one_level_is_cgc() -> None:
    """The same parameters under other names."""
    cgc, ple = make("cgc", at="second"), make("ple", levels=["second"])
    assert isinstance(cgc, CGC)
    assert isinstance(ple, PLE)
    state = {
        name.replace("experts.", "levels.0.experts.").replace("gates.", "levels.0.gates."): value
        for name, value in cgc.state_dict().items()
    }
    ple.load_state_dict(state)
    found, wanted = ple(image()), cgc(image())
    for task in TASKS:
        assert all(torch.equal(found[task][s], maps) for s, maps in wanted[task].items())
        assert float(ple.gauges()[f"own/1/{task}"]) == pytest.approx(
            float(cgc.gauges()[f"gate/{task}/{task}_0"])
        )


def levels_of(encoder: nn.Module) -> list[Level]:
    return [module for module in encoder.modules() if isinstance(module, Level)]


def test_experts_go_on_with_the_mixture_of_their_owner() -> None:
    """Gates at 0 are means: of two experts for a task, of all four for the shared one."""
    encoder = make("ple", tasks=["a", "b", "c"])
    assert isinstance(encoder, PLE)
    for level in levels_of(encoder):
        for gate in (*level.gates.values(), level.shared_gate):
            for parameter in [] if gate is None else gate.parameters():
                nn.init.zeros_(parameter)
    one, two = levels_of(encoder)
    shared, *own = [expert(image())[2] for expert in one.experts]
    everyone = (shared + own[0] + own[1] + own[2]) / 4
    found = encoder(image())
    for number, task in enumerate(TASKS):
        first = (shared + own[number]) / 2
        second = (two.experts[0](everyone)[4] + two.experts[1 + number](first)[4]) / 2
        torch.testing.assert_close(found[task][2], first)
        torch.testing.assert_close(found[task][4], second)
    assert two.shared_gate is None, "no level follows"
    assert two.pool("b") == [0, 2]
    assert two.owners == (SHARED, "a", "b", "c")


def test_levels_have_names_of_stages() -> None:
    encoder = make("ple", small, levels=["stage3", "stage1"])
    assert isinstance(encoder, PLE)
    assert encoder.stem is not None
    assert list(encoder.stem.stages) == ["stem"]
    parts = [[list(e.stages) for e in level.experts] for level in levels_of(encoder)]  # type: ignore[arg-type]
    assert parts == [[["stage1", "stage2"]] * 4, [["stage3"]] * 4]
    assert [level.strides for level in levels_of(encoder)] == [(4, 8), (16,)]
    features = encoder(image(2, 32))
    assert features["a"][2] is features["c"][2]
    with pytest.raises(UserError, match=r"encoder.levels=stage4: no such stage; did you"):
        make("ple", small, levels=["stage4"])


def test_gates_see_images_of_any_number_of_channels() -> None:
    def of_four() -> Backbone:
        made = small()
        take_channels(made, 4)
        return made

    images = torch.randn(2, 4, 32, 32, dtype=torch.float64)
    for name in ("mmoe", "ple"):
        assert make(name, of_four)(images)["a"][16].shape == (2, 32, 2, 2)


def test_a_smooth_step_is_a_step_beyond_half_its_width() -> None:
    found = smooth_step(torch.tensor([-9.0, -1.0, -0.5, 0.0, 0.5, 1.0, 9.0]), 2.0)
    # -2/8 t^3 + 3/4 t + 1/2 at 0.5: 0.84375
    wanted = torch.tensor([0.0, 0.0, 0.15625, 0.5, 0.84375, 1.0, 1.0])
    assert torch.equal(found, wanted)


def test_digits_write_numbers() -> None:
    digits = torch.tensor([[1.0, 0.0, 1.0], [0.25, 1.0, 0.0]])
    found = number_weights(digits)
    assert found[0].tolist() == [0, 0, 0, 0, 0, 1, 0, 0]  # 1 + 4
    assert found[1].tolist() == [0, 0, 0.75, 0.25, 0, 0, 0, 0]  # 2, or 3 by its lowest digit


def test_numbers_left_over_name_the_first_experts_again() -> None:
    """Of three experts number 3 is expert 0; two selectors of equal share choose 3 and 1."""
    encoder = make("dselect_k", tasks=["a"], experts=3, k=2, at="second")
    assert isinstance(encoder, DSelectK)
    (gate,) = (m for m in encoder.modules() if isinstance(m, Selectors))
    for layer in (gate.digits, gate.shares):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    gate.digits.bias.data = torch.tensor([1.0, 1.0, 1.0, -1.0]).double()
    seen = torch.randn(5, 6, dtype=torch.float64)
    assert encoder.weights("a", seen).tolist() == [[[0.5, 0.5, 0.0]]] * 5
    one, two, _ = (expert(encoder.begin(image())[1])[4] for expert in encoder.experts)
    torch.testing.assert_close(encoder(image())["a"][4], (one + two) / 2)


def test_no_more_than_k_experts_once_digits_are_sure() -> None:
    encoder = make("dselect_k", small, experts=5, k=2, gamma=0.1, at="stage2")
    assert isinstance(encoder, DSelectK)
    gates = [m for m in encoder.modules() if isinstance(m, Selectors)]
    seen = torch.randn(50, 8, dtype=torch.float64)
    undecided = encoder.weights("b", seen)
    torch.testing.assert_close(undecided.sum(-1), torch.ones(50, 2, dtype=torch.float64))
    assert undecided.gt(0.05).all(), "at the start all are asked"
    for gate in gates:
        nn.init.normal_(gate.digits.weight, std=100)
    weights = encoder.weights("b", seen)
    torch.testing.assert_close(weights.sum(-1), torch.ones(50, 2, dtype=torch.float64))
    assert weights.gt(0).sum(-1).max() == 2
    assert weights.gt(0).any(0).all(), "which ones follows the image"


def test_k_is_not_more_than_there_are() -> None:
    with pytest.raises(UserError, match=r"encoder.k=3: there are 2 experts"):
        make("dselect_k", experts=2, k=3)
