"""Heads of one form run as one, and give what each gives by itself."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtl.config.load import load
from mtl.data.batch import Labelled
from mtl.data.build import build_data
from mtl.data.sample import Target
from mtl.learning.build import build_module
from mtl.model.backbone.base import Stage
from mtl.model.build import build_network
from mtl.model.head.base import Head
from mtl.model.head.classification import Classification
from mtl.model.head.multilabel import Multilabel
from mtl.model.head.regression import Regression
from mtl.model.head.stacks import LEAST, HeadStacks

STAGES = (Stage("one", 6, 4),)
FEATURES = {4: torch.randn(5, 6, 3, 2, generator=torch.Generator().manual_seed(0))}
INDEX = torch.arange(5)


def values(kind: str, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if kind == "label":
        return torch.randint(0, 3, (5,), generator=generator)
    if kind == "labels":
        return torch.randint(-1, 2, (5, 3), generator=generator).to(torch.int8)
    numbers = torch.randn(5, 3, generator=generator)
    numbers[seed % 5, 0] = torch.nan
    return numbers


def made(cls: type[Head], kind: str, number: int = LEAST, **options: Any) -> dict[str, Head]:
    torch.manual_seed(1)
    names = [("a", "b", "c"), ("d", "e", "f")]
    return {
        f"task{n}": cls(
            target=Target(kind, names[n % 2]),
            stages=STAGES,
            image_size=12,
            **options,
        )
        for n in range(number)
    }


@pytest.mark.parametrize(
    ("cls", "kind", "options"),
    [
        (Classification, "label", {"class_weights": [1.0, 2.0, 0.5], "focal_gamma": 1.5}),
        (Classification, "label", {"hidden": 4, "pool": "max"}),
        (Multilabel, "labels", {"positive_weights": [1.0, 2.0, 0.5]}),
        (Regression, "numbers", {"loss": "normal"}),
    ],
)
def test_each_gives_what_it_gives_alone(
    cls: type[Head], kind: str, options: dict[str, Any]
) -> None:
    heads = made(cls, kind, **options)
    stacks = HeadStacks(nn.ModuleDict(heads))
    assert stacks.groups(dict.fromkeys(heads, "all")) == [list(heads)]
    features = {4: FEATURES[4].clone().requires_grad_()}
    labels = {task: Labelled(INDEX, values(kind, n)) for n, task in enumerate(heads)}
    raws = stacks.outputs(list(heads), features)
    losses = stacks.losses(list(heads), {task: (raws[task], labels[task]) for task in heads})
    ends = [features[4], *(p for head in heads.values() for p in head.parameters())]
    together = torch.autograd.grad(list(losses.values()), ends)
    alone = {task: head.loss(head(features), labels[task]) for task, head in heads.items()}
    for task, head in heads.items():
        torch.testing.assert_close(raws[task], head(features))
        torch.testing.assert_close(losses[task], alone[task])
    torch.testing.assert_close(together, torch.autograd.grad(list(alone.values()), ends))


def test_dropout_differs_from_head_to_head() -> None:
    heads = made(Classification, "label", dropout=0.5)
    first = heads["task0"].state_dict()
    for head in heads.values():
        head.load_state_dict(first)
    stacks = HeadStacks(nn.ModuleDict(heads))
    (tasks,) = stacks.groups(dict.fromkeys(heads))
    raws = stacks.outputs(tasks, FEATURES)
    assert not torch.equal(raws["task0"], raws["task1"])


def test_only_heads_of_one_form_run_together() -> None:
    class Own(Classification):
        """May do in its loss what can't be stacked."""

    heads = made(Classification, "label", LEAST + 1)
    others = {
        **{f"own{n}": head for n, head in enumerate(made(Own, "label").values())},
        **{f"smooth{n}": h for n, h in enumerate(made(Classification, "label", 3).values())},
    }
    for name, head in others.items():
        if name.startswith("smooth"):
            assert isinstance(head, Classification)
            head.label_smoothing = 0.2
    stacks = HeadStacks(nn.ModuleDict(heads | others))
    keys: dict[str, str | None] = dict.fromkeys(heads | others)
    assert stacks.groups(keys) == [list(heads)]
    assert stacks.groups({**keys, "task0": "other samples"}) == [list(heads)[1:]]
    heads["task0"].eval()
    assert stacks.groups(keys) == [list(heads)[1:]]
    heads["task1"].layers.layers[-1] = nn.Linear(6, 3, bias=False)  # type: ignore[index, union-attr]
    assert stacks.groups(keys) == []


@pytest.mark.slow
def test_one_pass_gives_what_a_pass_for_each_task_gives() -> None:
    """Of many tasks of one form, whose gradients are compared at the representation."""
    tasks = [f"task{n}" for n in range(LEAST + 1)]
    heads = [f"head@heads.{task}=classification" for task in tasks]
    small = ["data.train=4", "data.val=2", "data.test=2", "image_size=32", "batch_size=4"]
    method = ["weighting=mgda", "weighting.at=representation", "backbone.width=4"]
    cfg = load([*heads, f"tasks=[{','.join(tasks)}]", *small, *method])
    data = build_data(cfg)
    data.prepare_data()
    batch = data.finish(next(iter(data.loader("train", training=True))), training=True)
    module = build_module(cfg, build_network(cfg, data.targets)).train()
    engine = module.gradient_step
    assert engine is not None
    assert engine.per_task.stacked
    found: list[dict[str, Tensor | None]] = []
    for stacked in (True, False):
        engine.per_task.stacked = stacked
        module.zero_grad()
        part = module.accumulation.part(batch, *module.counted_losses(batch, engine.encode))
        engine.backward(part, torch.tensor(2.0), step=0)
        found.append({name: p.grad for name, p in module.network.named_parameters()})
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)
    assert all(gradient is not None for gradient in found[0].values())
