"""What holds for every encoder in which tasks exchange what they know."""

from typing import Any

import pytest
import torch
from exchange_kit import MEMBERS, TASKS, backbones, image, make, small

from mtl.errors import UserError
from mtl.learning.gradients.reach import reachable

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "cross_stitch": [{}, {"stages": ["first"]}, {"stages": [], "per_channel": False}],
    "nddr": [{}, {"stages": ["first"]}, {"stages": ["second"]}],
    "mtan": [{}],
    "mmoe": [{}, {"at": "second"}, {"at": "first"}],
    "cgc": [{}, {"at": "second", "task_experts": 2}, {"shared_experts": 2}],
    "ple": [{}, {"levels": ["second"], "task_experts": 2}, {"shared_experts": 2}],
    "dselect_k": [{}, {"experts": 3, "at": "second"}],
    "ltb": [{}],
}
CASES = [(name, options) for name, found in OPTIONS.items() for options in found]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_reach_is_where_gradients_are_not_zero(name: str, options: dict[str, Any]) -> None:
    encoder = make(name, **options)
    features = encoder(image())
    named = dict(encoder.named_parameters())
    for task in TASKS:
        # Sums of squares of normalised maps would be constant.
        loss = torch.stack([f.sin().mean() for f in features[task].values()]).sum()
        gradients = torch.autograd.grad(
            loss, list(named.values()), allow_unused=True, retain_graph=True
        )
        for parameter, gradient in zip(named, gradients, strict=True):
            if gradient is not None:
                assert gradient.abs().sum() > 0, (task, parameter)
        found = {p for p, g in zip(named, gradients, strict=True) if g is not None}
        reached = reachable(features[task])
        assert found == {p for p, tensor in named.items() if id(tensor) in reached}


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_coarsest_map_alone_reaches_the_same(name: str, options: dict[str, Any]) -> None:
    """So a head that looks at nothing else changes nothing."""
    encoder = make(name, **options)
    named = dict(encoder.named_parameters())
    features = encoder(image())
    for task in TASKS:
        gradients = torch.autograd.grad(
            features[task][4].sin().sum(),
            list(named.values()),
            allow_unused=True,
            retain_graph=True,
        )
        found = {p for p, g in zip(named, gradients, strict=True) if g is not None}
        reached = reachable(features[task])
        assert found == {p for p, tensor in named.items() if id(tensor) in reached}


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_parameter_has_a_stage(name: str, options: dict[str, Any]) -> None:
    encoder = make(name, **options)
    found = {p: encoder.stage_of(p) for p, _ in encoder.named_parameters()}
    names = [stage.name for stage in encoder.description]
    assert names == ["first", "second"]
    assert set(found.values()) <= {*names, "encoder"}
    inside = {id(p) for b in backbones(encoder) for p in b.parameters()}
    for parameter, tensor in encoder.named_parameters():
        assert (id(tensor) in inside) == (found[parameter] != "encoder")
    for backbone in backbones(encoder):
        for stage, module in backbone.stages.items():
            own = {id(p) for p in module.parameters()}
            assert {found[n] for n, p in encoder.named_parameters() if id(p) in own} == {stage}


@pytest.mark.parametrize("name", MEMBERS)
def test_features_are_as_described(name: str) -> None:
    encoder = make(name, small).train()
    features = encoder(image(2, 32))
    assert list(features) == list(TASKS)
    for found in features.values():
        assert {s: tuple(f.shape[1:]) for s, f in found.items()} == {
            s.stride: (s.channels, 32 // s.stride, 32 // s.stride) for s in encoder.feature_stages
        }
    assert [s.stride for s in encoder.feature_stages] == [2, 4, 8, 16]
    assert encoder.streams == (0,)
    assert encoder.gauges()
    for value in encoder.gauges().values():
        assert value.shape == ()
        assert not value.requires_grad


@pytest.mark.parametrize("name", MEMBERS)
def test_rows_are_encoded_by_themselves(name: str) -> None:
    """So that views may be stacked along the batch."""
    encoder = make(name, small).eval()
    whole, half = encoder(image(4, 32)), encoder(image(4, 32)[[2, 0]])
    for task in TASKS:
        for stride, found in half[task].items():
            torch.testing.assert_close(found, whole[task][stride][[2, 0]])


def test_wrong_stages_are_refused() -> None:
    with pytest.raises(UserError) as caught:
        make("cross_stitch", small, stages=["stem", "stagee1"])
    assert str(caught.value) == (
        "encoder.stages=stagee1: no such stage; did you mean stage1? "
        "allowed: stem, stage1, stage2, stage3"
    )
    with pytest.raises(UserError, match=r"^encoder\.stages=first: no such stage; allowed: stem, "):
        make("nddr", small, stages=["first"])
    for name in ("mmoe", "cgc"):
        with pytest.raises(UserError, match=r"^encoder\.at=x: no such stage; allowed: stem, "):
            make(name, small, at="x")


@pytest.mark.parametrize("name", MEMBERS)
def test_checkpointing_changes_no_gradient(name: str) -> None:
    found = []
    for checkpointing in (False, True):
        encoder = make(name, small)
        for backbone in backbones(encoder):
            backbone.checkpointing = checkpointing
        maps = [f for features in encoder(image(2, 32)).values() for f in features.values()]
        torch.stack([m.sin().mean() for m in maps]).sum().backward()
        found.append([p.grad for p in encoder.parameters()])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("name", MEMBERS)
def test_half_precision_stays_half(name: str) -> None:
    encoder = make(name).float()
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder(image().float())
    assert {f.dtype for f in features["a"].values()} == {torch.bfloat16}
