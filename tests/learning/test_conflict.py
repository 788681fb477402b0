"""Cosines, norms and weights of the tasks, and that looking at them changes nothing."""

import csv
from collections import defaultdict

import numpy as np
import pytest
import torch
from training_kit import Recorder, fit, same_weights, write_conf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.drawing.matrix import draw_matrices
from mtl.learning.build import build_module
from mtl.learning.callbacks.conflict import Conflict
from mtl.learning.gradients.conflict import EVERYWHERE, gradient_conflict
from mtl.learning.gradients.reach import ParameterReach
from mtl.learning.logger.csv_file import CsvFile
from mtl.model.build import build_network

SMALL = [
    "image_size=16",
    "data.train=16",
    "data.val=2",
    "data.test=2",
    "batch_size=4",
    "epochs=1",
    "augmentation=none",
    "optimizer=sgd",
    "scheduler=constant",
    "trainer.log_every_n_steps=1",
]
SHAPES = [*SMALL, "data=shapes", "image_size=32", "tasks=[classification,box]", "backbone.width=4"]


class Written(CsvFile):
    """Metrics by name: step to value."""

    @property
    def values(self) -> dict[str, dict[int, float]]:
        found: dict[str, dict[int, float]] = defaultdict(dict)
        with self.path.open() as file:
            for row in csv.DictReader(file):
                found[row["metric"]][int(row["step"])] = float(row["value"])
        return dict(found)


def train(cfg, folder, *callbacks):
    """A training with ``metrics.csv``, and what is in it."""
    folder.mkdir(exist_ok=True)
    logger = Written(folder)
    module, trainer = fit(cfg, folder, *callbacks, loggers=[logger])
    return module, trainer, logger.values


def entry(parameter: torch.nn.Parameter, stage: str | None) -> ParameterReach:
    return ParameterReach(parameter, ("a", "b", "c"), stage, after_features=False, combined=True)


def test_geometry_of_given_gradients():
    one, two, three = (torch.nn.Parameter(torch.zeros(2)) for _ in range(3))
    entries = (entry(one, "early"), entry(two, "late"), entry(three, None))
    gradients = {
        "a": {one: torch.tensor([3.0, 0.0]), two: torch.tensor([0.0, 4.0])},
        "b": {one: torch.tensor([0.0, 1.0]), two: torch.tensor([0.0, -1.0])},
        "c": {three: torch.tensor([2.0, 0.0])},
    }
    scaled = {task: {p: 8 * g for p, g in row.items()} for task, row in gradients.items()}
    seen = gradient_conflict(entries, scaled, 8.0)
    assert seen is not None
    assert seen.tasks == ("a", "b", "c")
    assert seen.norms.tolist() == pytest.approx([5, 2**0.5, 2])
    # -4 / (5 √2); a and b are orthogonal early and opposite late; c meets nobody.
    assert seen.pairs() == pytest.approx({("a", "b"): -4 / (5 * 2**0.5)})
    assert seen.pairs("early") == {("a", "b"): 0.0}
    assert seen.pairs("late") == {("a", "b"): -1.0}
    assert seen.share == 1.0
    assert set(seen.cosines) == {EVERYWHERE, "early", "late"}


def test_zero_and_infinite_gradients():
    one = torch.nn.Parameter(torch.zeros(2))
    still, moving = torch.zeros(2), torch.ones(2)
    seen = gradient_conflict((entry(one, "early"),), {"a": {one: still}, "b": {one: moving}}, 1.0)
    assert seen is not None
    assert (seen.pairs(), seen.share) == ({}, None)
    assert seen.norms.tolist() == pytest.approx([0, 2**0.5])
    overflowed = {"a": {one: moving / 0}, "b": {one: moving}}
    assert gradient_conflict((entry(one, "early"),), overflowed, 1.0) is None
    assert gradient_conflict((entry(one, "early"),), {}, 1.0) is None


def test_first_step_is_that_of_plain_backward_passes(tmp_path):
    cfg = load(SHAPES)
    _, _, values = train(cfg, tmp_path, Conflict(every=2))
    assert set(values["conflict/share"]) == {1, 3}
    torch.manual_seed(cfg.seed)
    data = build_data(cfg)
    data.prepare_data()
    module = build_module(cfg, build_network(cfg, data.targets)).train()
    batch = data.finish(next(iter(data.loader("train", training=True))), training=True)
    torch.manual_seed(batch.seed)
    rows, stages = {}, {}
    for task in cfg.tasks:
        module.zero_grad()
        torch.manual_seed(batch.seed)
        module.losses(batch)[task].backward()
        encoder = module.network.encoder
        rows[task] = torch.cat([p.grad.reshape(-1) for p in encoder.parameters()]).double()
        stages[task] = torch.cat(
            [
                p.grad.reshape(-1)
                for name, p in encoder.named_parameters()
                if encoder.stage_of(name) == "stage1"
            ]
        ).double()
    cosine = torch.nn.functional.cosine_similarity
    a, b = rows.values()
    assert values["conflict/cosine/classification-box"][1] == pytest.approx(
        float(cosine(a, b, 0)), rel=1e-4
    )
    assert values["conflict/stage1/cosine/classification-box"][1] == pytest.approx(
        float(cosine(*stages.values(), 0)), rel=1e-4
    )
    assert values["conflict/norm/box"][1] == pytest.approx(float(b.norm()), rel=1e-4)
    assert values["weighting/box"] == {1: 1.0, 3: 1.0}


@pytest.mark.parametrize(
    "more",
    [
        ["heads.classification.dropout=0.5"],
        ["trainer.accumulate_grad_batches=2", "weighting=uncertainty"],
        ["weighting=pcgrad", "weighting.at=representation"],
        ["weighting=mgda"],
        ["weighting=famo", "trainer.precision=bf16-mixed"],
    ],
)
def test_training_is_the_same_with_and_without(tmp_path, more):
    cfg = load([*SHAPES, *more])
    plain, watched = Recorder(), Recorder()
    alone, _ = fit(cfg, tmp_path, plain)
    seen, _, values = train(cfg, tmp_path / "watched", watched, Conflict(every=1))
    for one, other in zip(plain.weights, watched.weights, strict=True):
        assert same_weights(one, other)
    assert same_weights(alone.weighting.state_dict(), seen.weighting.state_dict())
    assert len(values["conflict/share"]) == len(plain.ids) / cfg.trainer.accumulate_grad_batches


@pytest.mark.parametrize("weighting", ["equal", "mgda"])
def test_accumulated_batches_are_seen_as_one(tmp_path, weighting):
    conf = write_conf(tmp_path / "conf")
    # No batch statistics, and labels of a and b in different numbers per batch.
    base = [*SMALL, "data=alternating", "backbone=plain", "data.train=20", f"weighting={weighting}"]
    whole, parts = (
        train(load([*base, *more], conf), tmp_path / more[0], Conflict(every=1))[2]
        for more in (
            ["batch_size=10"],
            ["batch_size=5", "trainer.accumulate_grad_batches=2"],
        )
    )
    names = [name for name in whole if name.startswith("conflict/")]
    assert {"conflict/cosine/a-b", "conflict/second/cosine/a-b", "conflict/norm/a"} <= set(names)
    for name in names:
        assert whole[name][1] == pytest.approx(parts[name][1], rel=1e-3, abs=1e-5), name


def test_gradients_that_the_weighting_has_are_used(tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(
        "mtl.learning.gradients.conflict.StepGradients.add",
        lambda *_: taken.append(1),
        raising=True,
    )
    cfg = load([*SHAPES, "weighting=pcgrad"])
    values = train(cfg, tmp_path, Conflict(every=1))[2]
    assert not taken
    monkeypatch.undo()
    own = train(load([*SHAPES, "weighting=equal"]), tmp_path / "equal", Conflict(every=1))[2]
    # Before the first step both networks are the same.
    for name in ("conflict/cosine/classification-box", "conflict/norm/box"):
        assert values[name][1] == pytest.approx(own[name][1], rel=1e-4)
    assert values["weighting/box"].keys() == {1, 2, 3, 4}


def test_absent_tasks_are_absent(tmp_path):
    conf = write_conf(tmp_path / "conf")
    overrides = [*SMALL, "data=alternating", "backbone=plain", "batch_size=1", "data.train=12"]
    recorder = Recorder()
    values = train(load(overrides, conf), tmp_path / "run", recorder, Conflict(every=1))[2]
    for task in ("a", "b"):
        steps = values[f"conflict/norm/{task}"]
        assert 0 < len(steps) < 12
        assert values[f"weighting/{task}"].keys() == steps.keys()
    assert not values["conflict/norm/a"].keys() & values["conflict/norm/b"].keys()
    assert "conflict/cosine/a-b" not in values
    assert not (tmp_path / "run/conflict.png").exists()


def test_mean_cosines_are_drawn(tmp_path, mtl, monkeypatch):
    monkeypatch.setattr("mtl.learning.callbacks.conflict.draw_matrices", draw_matrices)
    given = {setting.partition("=")[0]: setting for setting in SHAPES}
    own = ["callbacks.conflict.enabled=true", "callbacks.conflict.every=2", "hydra.run.dir=run"]
    result = mtl("train", *given.values(), *own)
    assert result.code == 0, result.err
    assert (tmp_path / "run/figures/conflict.png").stat().st_size > 5000
    files = (tmp_path / "run").glob("events.out.*")
    events = b"".join(file.read_bytes() for file in files)
    assert b"conflict/cosines" in events
    assert b"conflict/cosine/classification-box" in events


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        (
            ["tasks=[box]"],
            "needs two tasks or more, and there is one: box",
        ),
        (["encoder=per_task"], "the tasks share no parameters with this encoder"),
    ],
)
def test_nothing_to_compare_is_refused(mtl, more, answer):
    given = {setting.partition("=")[0]: setting for setting in (*SHAPES, *more)}
    result = mtl("train", *given.values(), "callbacks.conflict.enabled=true")
    assert result.code == 2
    assert result.err == f"mtl: callbacks.conflict: {answer}\n"


def test_colours_and_holes():
    matrix = np.array([[1.0, -1.0], [np.nan, 0.0]])
    canvas = draw_matrices({"x": matrix}, ["first", "second"], limit=1.0)
    assert (canvas.dtype, canvas.ndim, canvas.shape[2]) == (np.uint8, 3, 3)
    red, blue = (103, 0, 31), (5, 48, 97)
    for colour in (red, blue):
        assert (np.abs(canvas.astype(int) - colour).max(axis=2) < 3).sum() > 1000
