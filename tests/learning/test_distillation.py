"""Students learn from teachers on every image, or are refused before they begin."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from training_kit import write_conf

from mtl.config.instantiate import container, make
from mtl.config.load import load
from mtl.data.batch import Batch, Labelled
from mtl.data.build import build_data
from mtl.data.preprocess.base import Preprocess
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.distillation.module import DistilledModule
from mtl.learning.distillation.teacher import Teacher
from mtl.model.build import build_network
from mtl.model.ensemble.learned import Learned
from mtl.model.ensemble.mean import MeanEnsemble
from mtl.model.ensemble.parts import Parts
from mtl.model.ensemble.weighted import Weighted
from mtl.model.head.base import Head
from mtl.model.head.classification import Classification
from mtl.model.network import Network

TARGETS = {"a": Target("label", ("x", "y", "z")), "b": Target("label", ("no", "yes"))}
SETTINGS = ["data=alternating", "backbone=plain", "data.train=8", "data.val=2", "data.test=2"]


@pytest.fixture(scope="module")
def cfg(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    return load(SETTINGS, write_conf(tmp_path_factory.mktemp("conf")))


@pytest.fixture(scope="module")
def batch(cfg: DictConfig) -> Batch:
    """Eight images in order: 0, 2, 6 labelled for a, 1, 3, 5, 7 for b, and 4 for nothing."""
    data = build_data(cfg)
    data.prepare_data()
    (found,) = list(data.loader("train"))
    return data.finish(found, training=False)


def number(value: Tensor) -> float:
    return float(value.detach())


def network(cfg: DictConfig, seed: int, targets: dict[str, Target] = TARGETS) -> Network:
    torch.manual_seed(seed)
    return build_network(cfg, targets)


def preprocess(cfg: DictConfig, **changes: Any) -> Preprocess:
    node = {**container(cfg.preprocess), "image_size": cfg.image_size, **changes}
    return make(node, Preprocess)  # type: ignore[no-any-return]


def teacher(
    cfg: DictConfig, taught: Network, tasks: Sequence[str] = ("a", "b"), **own: Any
) -> Teacher:
    return Teacher("old", taught, tuple(tasks), preprocess(cfg, **own), preprocess(cfg))


def student(
    cfg: DictConfig, teachers: Sequence[Teacher], weight: float = 0.4, own: Network | None = None
) -> DistilledModule:
    made = partial(DistilledModule, teachers=teachers, weight=weight, temperature=2.0)
    module = build_module(cfg, network(cfg, 1) if own is None else own, made)
    assert isinstance(module, DistilledModule)
    return module.train()


def test_a_loss_is_the_mean_over_images_of_what_teacher_and_label_say(
    cfg: DictConfig, batch: Batch
) -> None:
    old, module = network(cfg, 0), student(cfg, [teacher(cfg, network(cfg, 0))])
    plain = {
        task: module.network.loss(task, raw, labels)
        for task, (raw, labels) in module.network.labelled_outputs(batch).items()
    }
    own, its = module.network(batch.image), old.eval()(batch.image)
    for task, loss in module.losses(batch).items():
        soft = module.network.head(task).distillation(own[task], its[task], 2.0)
        labelled = {"a": 3, "b": 4}[task] / 8
        expected = 0.4 * soft + 0.6 * labelled * plain[task]
        assert number(loss) == pytest.approx(number(expected), rel=1e-5)


def test_images_without_any_label_teach(cfg: DictConfig, batch: Batch) -> None:
    old = network(cfg, 0)
    module = student(cfg, [teacher(cfg, old)])
    losses = module.losses(replace(batch, targets={}))
    assert losses.keys() == {"a", "b"}
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in module.network.parameters())
    assert all(p.grad is None and not p.requires_grad for p in old.parameters())
    assert not old.training
    assert module.new_accumulation().counts(batch) == {"a": 8, "b": 8}


def test_who_knows_all_has_nothing_to_learn(cfg: DictConfig, batch: Batch) -> None:
    module = student(cfg, [teacher(cfg, network(cfg, 1))], weight=1.0)
    for loss in module.losses(batch).values():
        assert number(loss) == pytest.approx(0, abs=1e-6)


def test_a_step_of_several_batches_is_that_of_one(cfg: DictConfig, batch: Batch) -> None:
    module = student(cfg, [teacher(cfg, network(cfg, 0))])
    window = [part(batch, range(3)), part(batch, range(3, 8))]
    counted = module.new_accumulation()
    found: dict[str, list[Tensor]] = {"a": [], "b": []}
    for place, cut in enumerate(window):
        member = replace(cut, window=window, place=place)
        counted.begin(member)
        made = counted.part(member, *module.counted_losses(member))
        for task, loss in made.losses.items():
            found[task].append(loss * made.shares[task])
    for task, loss in module.losses(batch).items():
        assert number(torch.stack(found[task]).sum()) == pytest.approx(number(loss), rel=1e-5)


def part(batch: Batch, rows: range) -> Batch:
    targets = {}
    for name, labels in batch.targets.items():
        keep = (labels.index >= rows.start) & (labels.index < rows.stop)
        if keep.any():
            assert isinstance(labels.value, Tensor)
            targets[name] = Labelled(labels.index[keep] - rows.start, labels.value[keep])
    cut = slice(rows.start, rows.stop)
    return replace(batch, image=batch.image[cut], ids=batch.ids[cut], targets=targets)


def test_teachers_may_know_a_task_each(cfg: DictConfig, batch: Batch) -> None:
    first, second = network(cfg, 0), network(cfg, 5)
    both = student(cfg, [teacher(cfg, first, ["a"]), teacher(cfg, second, ["b"])], weight=1.0)
    expected = [student(cfg, [teacher(cfg, old)], weight=1.0) for old in (first, second)]
    losses = both.losses(batch)
    assert number(losses["a"]) == pytest.approx(number(expected[0].losses(batch)["a"]))
    assert number(losses["b"]) == pytest.approx(number(expected[1].losses(batch)["b"]))


def test_checkpoints_hold_no_teacher(cfg: DictConfig) -> None:
    module = student(cfg, [teacher(cfg, network(cfg, 0))])
    assert module.state_dict().keys() == build_module(cfg, network(cfg, 0)).state_dict().keys()


def test_a_teacher_sees_pictures_as_it_was_trained_on_them(cfg: DictConfig, batch: Batch) -> None:
    old = network(cfg, 0)
    mean, std = [0.2, 0.4, 0.6], [0.1, 0.2, 0.3]
    as_it_wants = (batch.image * 0.25 + 0.5 - view(mean)) / view(std)
    found = teacher(cfg, old, mean=mean, std=std).answers(batch.image)
    torch.testing.assert_close(found, old(as_it_wants), rtol=1e-4, atol=1e-5)
    larger = teacher(cfg, old, image_size=32).answers(batch.image)
    whole = nn.functional.interpolate(
        batch.image, (32, 32), mode="bilinear", align_corners=False, antialias=True
    )
    torch.testing.assert_close(larger, old(whole), rtol=1e-4, atol=1e-5)


def view(values: list[float]) -> Tensor:
    return torch.tensor(values).view(3, 1, 1)


def test_what_several_streams_say_is_merged_as_they_decide(cfg: DictConfig) -> None:
    head = network(cfg, 0).head("b")
    raw = torch.tensor([[0.0, 2.0], [4.0, 0.0]])  # of two streams, for one image
    assert MeanEnsemble(2, ["b"]).merged("b", head, raw).tolist() == [[2.0, 1.0]]
    assert Weighted(2, ["b"], [0.25, 0.75]).merged("b", head, raw).tolist() == [[3.0, 0.5]]
    assert Learned(2, ["b"]).merged("b", head, raw).tolist() == [[2.0, 1.0]]
    assert Parts(2, ["b"]).merged("b", head, raw).tolist() == [[0.0, 0.0]]


def test_other_classes_are_refused_by_name(cfg: DictConfig) -> None:
    other = {**TARGETS, "a": Target("label", ("x", "dog", "z"))}
    said = "task a, teacher old: only the teacher knows dog, only the student's data has y: both "
    with pytest.raises(UserError, match=said):
        student(cfg, [teacher(cfg, network(cfg, 0, other))])
    swapped = {**TARGETS, "b": Target("label", ("yes", "no"))}
    with pytest.raises(UserError, match="task b, teacher old: it numbers the classes otherwise"):
        student(cfg, [teacher(cfg, network(cfg, 0, swapped))])


class Silent(Classification):
    """A head of a user's own whose raw output is not to be compared."""

    distillation = Head.distillation


class Talking(Classification):
    """Another."""


def test_heads_that_cannot_learn_are_refused_before_training(cfg: DictConfig) -> None:
    own = network(cfg, 0)
    own.head("b").__class__ = Silent
    said = "task b, teacher old: Silent has no distillation loss: it needs the method distillation"
    with pytest.raises(UserError, match=said):
        student(cfg, [teacher(cfg, network(cfg, 0))], own=own)
    own.head("b").__class__ = Talking
    with pytest.raises(UserError, match="its head is a Classification, the student's a Talking"):
        student(cfg, [teacher(cfg, network(cfg, 0))], own=own)


def test_answers_of_another_shape_are_refused(
    cfg: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = network(cfg, 0)
    layers = old.head("b").layers
    monkeypatch.setattr(layers, "forward", lambda features: features[4].flatten(1)[:, :5])
    said = "task b, teacher old: for an image it gives 5 numbers, and the student 2 numbers"
    with pytest.raises(UserError, match=said):
        student(cfg, [teacher(cfg, old)])


def test_pictures_prepared_otherwise_are_refused(cfg: DictConfig) -> None:
    old = teacher(cfg, network(cfg, 0), fit="letterbox")
    with pytest.raises(UserError, match=r"preprocess\.fit=letterbox, the student sees .* stretch"):
        student(cfg, [old])
