"""Samples that lack a task's label leave that task alone: losses, gradients, steps and metrics."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from training_kit import Alternating, Recorder, checkpoint, fit, label_of, same_weights, write_conf

from mtl.config.load import load
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.data.loading.loader import ArrayLoading
from mtl.learning.build import build_module
from mtl.learning.module import MultiTaskModule
from mtl.model.build import build_network
from mtl.runs.train import train

BASE = ["data=alternating", "backbone=plain", "augmentation=none"]


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


@pytest.fixture(scope="module")
def module(conf: Path) -> MultiTaskModule:
    cfg = load([*BASE, "heads.a.weight=2"], conf)
    return build_module(cfg, build_network(cfg, build_data(cfg).targets)).double()


def batch_of(*positions: int) -> Batch:
    """A normalised float64 batch; 0 and 2 have label a, 1 and 3 label b, 4 none."""
    data = Alternating(train=20, val=1, test=1, image_size=16)
    source = data.split("train")
    batch = ArrayLoading(source, data.targets, 0).__getitems__([(0, p) for p in positions])
    return Batch(batch.image.double() / 127.5 - 1, batch.ids, batch.targets)


def gradients(
    module: MultiTaskModule, batch: Batch, tasks: tuple[str, ...]
) -> dict[str, Tensor | None]:
    module.zero_grad()
    losses = module.losses(batch)
    module.weighting({task: losses[task] for task in tasks}).backward()
    return {name: p.grad for name, p in module.network.named_parameters()}


@pytest.mark.parametrize(("task", "own"), [("a", (0, 2)), ("b", (1, 3))])
def test_gradient_is_that_of_the_labelled_samples_alone(
    module: MultiTaskModule, task: str, own: tuple[int, ...]
) -> None:
    mixed = gradients(module, batch_of(0, 1, 2, 3, 4), (task,))
    alone = gradients(module, batch_of(*own), (task,))
    assert any(value is None for value in alone.values())
    for name, value in alone.items():
        if value is None:
            assert mixed[name] is None, name
        else:
            torch.testing.assert_close(mixed[name], value, rtol=1e-12, atol=1e-15)


def test_gradient_of_two_tasks_is_the_sum(module: MultiTaskModule) -> None:
    both = gradients(module, batch_of(4, 3, 2, 1, 0), ("a", "b"))
    a, b = (gradients(module, batch_of(*own), (t,)) for t, own in (("a", (0, 2)), ("b", (1, 3))))
    for name, value in both.items():
        parts = [part[name] for part in (a, b) if part[name] is not None]
        torch.testing.assert_close(value, torch.stack(parts).sum(0), rtol=1e-12, atol=1e-15)


def test_task_without_label_has_no_loss_and_no_gradient(module: MultiTaskModule) -> None:
    assert list(module.losses(batch_of(0, 4, 2))) == ["a"]
    found = gradients(module, batch_of(0, 4, 2), ("a",))
    assert {name for name, value in found.items() if value is None} == {
        name for name in found if name.startswith("heads.b.")
    }
    assert module.losses(batch_of(4, 9)) == {}


def test_weight_of_a_task_is_a_factor_on_its_loss(module: MultiTaskModule) -> None:
    (raw, labels) = module.network.labelled_outputs(batch_of(0, 1, 2))["a"]
    plain = torch.nn.functional.cross_entropy(raw, torch.tensor([0, 2]), label_smoothing=0.1)
    assert labels.index.tolist() == [0, 2]
    torch.testing.assert_close(module.losses(batch_of(0, 1, 2))["a"], 2 * plain)


@pytest.mark.matrix(
    accumulate=[1, 2],
    clipped=["norm", "value"],
    weighting=["equal", "uncertainty", "famo", "mgda", "graddrop"],
    precision=["32-true", "bf16-mixed", "64-true"],
    optimizer=["adamw", "sgd"],
)
def test_batch_without_labels_makes_no_step(
    conf: Path,
    tmp_path: Path,
    accumulate: int,
    clipped: str,
    weighting: str,
    precision: str,
    optimizer: str,
) -> None:
    """However losses or gradients are combined, rounded and cut."""
    own = [f"trainer.accumulate_grad_batches={accumulate}", "trainer.gradient_clip_val=0.5"]
    own += [f"trainer.gradient_clip_algorithm={clipped}", f"trainer.precision={precision}"]
    own += [f"weighting={weighting}", f"optimizer={optimizer}"]
    recorder = Recorder()
    cfg = load([*BASE, "batch_size=1", "epochs=2", "lr=0.01", *own], conf)
    fit(cfg, tmp_path, recorder)
    changed = [
        not same_weights(before, after)
        for before, after in zip(recorder.weights, recorder.weights[1:], strict=False)
    ]
    labelled = [bool(tasks) for tasks in recorder.tasks]
    assert labelled.count(False) == 8
    if accumulate == 2:
        labelled = [
            i % 2 == 1 and (labelled[i - 1] or labelled[i]) for i in range(len(recorder.tasks))
        ]
    assert changed == labelled


@pytest.fixture(scope="module")
def run(conf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(load([*BASE, "epochs=4", "batch_size=4", "lr=0.02"], conf), folder)
    return folder


def test_metrics_count_labelled_samples_only(run: Path, conf: Path) -> None:
    cfg = load([*BASE], conf)
    data = build_data(cfg)
    network = build_network(cfg, data.targets)
    state = checkpoint(run, "best")["state_dict"]
    network.load_state_dict(
        {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
    )
    metrics = json.loads((run / "results.json").read_text())["metrics"]
    for split in ("val", "test"):
        batch = next(iter(data.loader(split)))  # type: ignore[arg-type]
        predicted = network.predict(data.finish(batch, training=False).image)
        means = []
        for position, task in enumerate(("a", "b")):
            labels = [label_of(i)[position] for i in range(10)]
            hits = [
                int(p) == label
                for p, label in zip(predicted[task].argmax(1), labels, strict=True)
                if label >= 0
            ]
            assert len(hits) == 4
            means.append(sum(hits) / 4)
            assert metrics[f"{split}/{task}/accuracy"] == means[-1]
        assert metrics[f"{split}/score"] == pytest.approx(sum(means) / 2)
        assert metrics[f"{split}/loss"] == pytest.approx(
            metrics[f"{split}/a/loss"] + metrics[f"{split}/b/loss"]
        )


def test_loss_of_a_split_is_the_mean_over_labelled_samples(run: Path, conf: Path) -> None:
    """Batches of 4, 4 and 2 samples have 2, 1 and 1 labels of a."""
    cfg = load([*BASE], conf)
    data = build_data(cfg)
    network = build_network(cfg, data.targets)
    state = checkpoint(run, "best")["state_dict"]
    network.load_state_dict(
        {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
    )
    batch = data.finish(next(iter(data.loader("val"))), training=False)
    with torch.no_grad():
        raw, labels = network.labelled_outputs(batch)["a"]
    assert labels.index.tolist() == [0, 2, 6, 8]
    metrics = json.loads((run / "results.json").read_text())["metrics"]
    assert metrics["val/a/loss"] == pytest.approx(float(network.head("a").loss(raw, labels)), 1e-5)
