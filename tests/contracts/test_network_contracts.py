"""What every backbone, encoder, fusion, head, views and ensemble has to do within a network."""

import copy
from typing import Any

import pytest
import torch
from contracts_kit import (
    SIZE,
    alone,
    build,
    data,
    every,
    labelled_only,
    smaller,
    subject,
    tensors,
)
from torch import Tensor

from mtl.config.groups import choices
from mtl.data.batch import Batch
from mtl.learning.module import MultiTaskModule
from mtl.model.ensemble.streams import split

GROUPS = ("backbone", "encoder", "fusion", "head", "views", "ensemble")


def subjects() -> list[Any]:
    """All members; the large backbones are slow."""
    small = {choices()["backbone"].default, "tiny"}
    return [
        pytest.param(
            (group, name),
            id=f"{group}-{name}",
            marks=[pytest.mark.slow] if group == "backbone" and name not in small else [],
        )
        for group in GROUPS
        for name in every(group)
    ]


@pytest.fixture(scope="module", params=subjects())
def module(request: pytest.FixtureRequest) -> MultiTaskModule:
    """One network for all tests of a member; none of them minds what its weights are.

    So a step may be taken in it, and batches that its statistics see may pass.
    """
    return build(subject(*request.param))


@pytest.fixture
def batch() -> Batch:
    return data()[0]


def outputs(module: MultiTaskModule, image: Tensor) -> dict[str, Tensor]:
    """All raw outputs in eval mode, by task and name."""
    module.eval()
    with torch.no_grad():
        raws = module.network(image)
    return {f"{t}/{n}": v for t, raw in raws.items() for n, v in tensors(raw).items()}


def gradients(module: MultiTaskModule, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Losses, and the gradient of their sum."""
    module.zero_grad()
    losses = module.losses(batch)
    torch.stack(list(losses.values())).sum().backward()
    found = {n: p.grad for n, p in module.network.named_parameters() if p.grad is not None}
    return {task: loss.detach() for task, loss in losses.items()}, found


def near(one: Tensor, other: Tensor) -> None:
    """Equal but for the order of float32 sums."""
    torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-5 * max(1, float(other.abs().max())))


def test_a_step_moves_all_that_a_loss_reaches(module: MultiTaskModule, batch: Batch) -> None:
    losses, found = gradients(module.train(), batch)
    assert list(losses) == list(module.network.tasks)
    assert all(value.isfinite() and value.ndim == 0 for value in losses.values())
    assert all(gradient.isfinite().all() for gradient in found.values())
    trainable = dict(module.network.named_parameters())
    before = {name: p.detach().clone() for name, p in trainable.items()}
    module.make_optimizer(module.network, module.weighting).step()
    for name, gradient in found.items():
        moved = not torch.equal(before[name], trainable[name])
        assert moved or not gradient.any(), name
    assert {name for name in trainable if name not in found} == set()


def test_state_carries_everything(module: MultiTaskModule, batch: Batch) -> None:
    other = copy.deepcopy(module)
    for parameter in other.parameters():
        torch.nn.init.constant_(parameter, 0.5)
    other.load_state_dict(module.state_dict())
    wanted, found = outputs(module, batch.image), outputs(other, batch.image)
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


def test_eval_mode_repeats_itself(module: MultiTaskModule, batch: Batch) -> None:
    first, second = outputs(module, batch.image), outputs(module, batch.image)
    assert first
    assert all(torch.equal(second[name], value) for name, value in first.items())


def test_samples_do_not_see_each_other_in_eval_mode(module: MultiTaskModule, batch: Batch) -> None:
    streams = module.network.fusion.streams
    whole = outputs(module, batch.image)
    for name, value in outputs(module, batch.image[2:3]).items():
        near(value, torch.cat([rows[2:3] for rows in split(whole[name], streams)]))


def test_unlabelled_samples_leave_no_trace(module: MultiTaskModule, batch: Batch) -> None:
    """In eval mode: a backbone's batch statistics see all samples."""
    module.eval()
    losses, found = gradients(module, labelled_only(batch, [0, 2, 3]))
    wanted_losses, wanted = gradients(module, alone(batch, [0, 2, 3]))
    assert list(losses) == list(wanted_losses)
    for task, loss in wanted_losses.items():
        near(losses[task], loss)
    assert found.keys() == wanted.keys()
    largest = max(float(g.abs().max()) for g in wanted.values())
    for name, gradient in wanted.items():
        torch.testing.assert_close(
            found[name], gradient, rtol=1e-2, atol=1e-4 * largest, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_no_label_is_no_loss(module: MultiTaskModule, batch: Batch) -> None:
    assert module.train().losses(labelled_only(batch, [])) == {}


def test_one_sample(module: MultiTaskModule, batch: Batch) -> None:
    losses, found = gradients(module.train(), alone(batch, [3]))
    assert list(losses) == list(module.network.tasks)
    assert all(value.isfinite() for value in losses.values())
    assert all(gradient.isfinite().all() for gradient in found.values())
    assert decided(module.eval(), batch.image[:1]) == dict.fromkeys(module.network.tasks, 1)


def test_one_sample_at_a_map_of_one_cell(module: MultiTaskModule, batch: Batch) -> None:
    """There a channel has a single value, of which no norm can take a variance."""
    network = module.train().network
    coarsest = network.fusion.feature_stages[-1].stride
    with torch.no_grad():
        if coarsest < SIZE:
            features = network.features(smaller(alone(batch, [3]), coarsest).image)
        else:
            features = network.features(batch.image[3:4])
    assert all(maps.isfinite().all() for f in features.values() for maps in f.values())


def test_no_sample(module: MultiTaskModule, batch: Batch) -> None:
    assert module.train().losses(alone(batch, [])) == {}
    assert decided(module.eval(), batch.image[:0]) == dict.fromkeys(module.network.tasks, 0)


def test_features_are_those_that_are_announced(module: MultiTaskModule) -> None:
    """At sides that no stride divides, too."""
    network = module.eval().network
    least = network.encoder.feature_stages[-1].stride
    for side in (side for side in (31, 33, 64) if side >= least):
        with torch.no_grad():
            encoded = network.encoder(network.views(torch.rand(2, 3, side, side)))
            fused = network.fusion(encoded)
        read = [s for s in network.fusion.feature_stages if s.stride in network.fusion.strides]
        for task in network.tasks:
            streams = len(network.encoder.streams)
            shapes(encoded[task], network.encoder.feature_stages, 2 * streams)
            shapes(fused[task], read, 2 * network.fusion.streams)
            whole = fused[task][read[-1].stride].shape[-1]
            # Some backbones drop what does not fill a stride.
            assert whole in (side // read[-1].stride, -(-side // read[-1].stride)), side


def shapes(features: dict[int, Tensor], stages: Any, rows: int) -> None:
    assert list(features) == [stage.stride for stage in stages]
    for stage in stages:
        maps = features[stage.stride]
        assert maps.shape[:2] == (rows, stage.channels)
        assert maps.shape[2] == maps.shape[3] >= 1


def decided(module: MultiTaskModule, image: Tensor) -> dict[str, int]:
    """How many samples each task's decisions are for."""
    network = module.network
    return {
        task: len(network.head(task).unbatch(decision))
        for task, decision in network.predict(image).items()
    }
