"""How one task's step changes another's loss, and what to make of it."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from training_kit import Recorder, fit, same_weights, write_conf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.learning.build import build_module
from mtl.model.build import build_network
from mtl.runs.affinity.commands import command, overrides_of
from mtl.runs.affinity.grouping import best_groups, proposed, score, score_error, settled
from mtl.runs.affinity.probe import Affinity, AffinityProbe
from mtl.runs.affinity.report import group_rows, matrix_rows, named

SMALL = [
    "data=shapes",
    "tasks=[classification,box,segmentation]",
    "image_size=32",
    "data.train=24",
    "data.val=2",
    "data.test=2",
    "batch_size=4",
    "epochs=1",
    "augmentation=none",
    "backbone.width=4",
]
NAN = float("nan")
# 0 and 1 help each other, 2 harms both and is harmed by 1.
HELP = np.array([[9.0, 0.4, 0.0], [0.2, 9.0, -0.6], [-0.5, -0.1, 9.0]])


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        # Onto 0: (0.2 - 0.5) / 2, onto 1: (0.4 - 0.1) / 2, onto 2: -0.6 / 2.
        (((0, 1, 2),), (-0.15 + 0.15 - 0.3) / 3),
        (((0, 1), (2,)), 0.6 / 3),
        (((0,), (1, 2)), -0.7 / 3),
        (((0,), (1,), (2,)), 0.0),
    ],
)
def test_score_of_a_grouping(groups, expected):
    assert score(HELP, groups) == pytest.approx(expected)


def test_best_groups_by_hand():
    best = best_groups(HELP)
    assert list(best) == [1, 2, 3]
    assert {frozenset(group) for group in best[2]} == {frozenset({0, 1}), frozenset({2})}
    assert named(proposed(HELP), ["a", "b", "c"]) == [["a", "b"], ["c"]]
    # Harm all round: everyone for himself. Never measured together: likewise, in fewest networks.
    assert len(proposed(-np.ones((4, 4)))) == 4
    assert len(proposed(np.full((3, 3), np.nan))) == 1


def test_nothing_is_proposed_within_its_error():
    best = proposed(HELP)
    # Of a with b: 0.6 / 3 over each alone, and 0.6 / 3 + 0.3 / 3 over all together, with errors of
    # e √2 / 3 and e √6 / 6.
    assert settled(HELP, np.full((3, 3), 0.2), best)
    assert not settled(HELP, np.full((3, 3), 0.22), best)
    # A single look says nothing about its error.
    assert not settled(HELP, np.full((3, 3), NAN), best)
    # Nothing to choose between: everything is known exactly.
    alone = -np.ones((3, 3))
    assert settled(alone, np.zeros((3, 3)), proposed(alone))
    assert not settled(alone, np.full((3, 3), 9.0), proposed(alone))


def test_error_of_a_score():
    errors = np.full((3, 3), 0.3)
    assert score_error(errors, ((0, 1), (2,))) == pytest.approx(0.3 * 2**0.5 / 3)
    assert score_error(errors, ((0,), (1,), (2,))) == 0


@pytest.mark.parametrize("count", [6, 10])
def test_planted_groups_are_found(count):
    place = np.arange(count)
    planted = np.where(place[:, None] % 2 == place % 2, 1.0, -1.0)
    assert sorted(map(sorted, proposed(planted))) == [
        list(range(0, count, 2)),
        list(range(1, count, 2)),
    ]


def test_every_partition_of_five_is_tried():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(5, 5))

    def all_labels():
        for code in range(5**5):
            yield tuple(code // 5**i % 5 for i in range(5))

    best = max(
        score(matrix, tuple(tuple(i for i in range(5) if label[i] == g) for g in set(label)))
        for label in all_labels()
    )
    assert score(matrix, proposed(matrix)) == pytest.approx(best)


def test_look_ahead_is_a_plain_step_on_one_loss(tmp_path):
    cfg = load([*SMALL, "heads.classification.dropout=0.5", "data.train=4"])
    probe = AffinityProbe(every=1, rate=0.05)
    fit(cfg, tmp_path, probe)
    torch.manual_seed(cfg.seed)
    data = build_data(cfg)
    data.prepare_data()
    module = build_module(cfg, build_network(cfg, data.targets)).train()
    batch = data.finish(next(iter(data.loader("train", training=True))), training=True)
    torch.manual_seed(batch.seed)
    before = module.losses(batch)
    before["box"].backward()
    with torch.no_grad():
        for parameter in module.network.encoder.parameters():
            parameter.sub_(0.05 * parameter.grad)
        torch.manual_seed(batch.seed)
        after = module.losses(batch)
    found = probe.result(module.network.tasks)
    for place, task in enumerate(found.tasks):
        expected = 1 - float(after[task] / before[task].detach())
        assert found.means[1, place] == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert (found.looks == 1).all()
    assert np.isnan(found.errors).all()
    # A step on a task's own loss lowers it.
    assert (found.means.diagonal() > 0).all()


def test_training_is_the_same_with_and_without(tmp_path):
    cfg = load([*SMALL, "heads.classification.dropout=0.5"])
    plain, watched = Recorder(), Recorder()
    probe = AffinityProbe(every=2, rate=0.1)
    fit(cfg, tmp_path, plain)
    fit(cfg, tmp_path, watched, probe)
    for one, other in zip(plain.weights, watched.weights, strict=True):
        assert same_weights(one, other)
    assert (probe.result(tuple(cfg.tasks)).looks == 3).all()


def test_tasks_that_are_never_labelled_together(tmp_path):
    conf = write_conf(tmp_path / "conf")
    cfg = load(["data=alternating", "backbone=plain", "batch_size=1", "epochs=1"], conf)
    probe = AffinityProbe(every=1, rate=0.1)
    fit(cfg, tmp_path, probe)
    found = probe.result(("a", "b"))
    assert np.isnan(found.means).tolist() == [[False, True], [True, False]]
    assert matrix_rows(found)[0][2] == "-"
    assert proposed(found.means) == best_groups(found.means)[1]


def test_rows_of_the_tables():
    found = Affinity(("a", "b", "c"), HELP, np.full((3, 3), 0.1), np.full((3, 3), 4))
    assert matrix_rows(found)[1] == [
        "b",
        "+2.0e-01 ± 1e-01",
        "+9.0e+00 ± 1e-01",
        "-6.0e-01 ± 1e-01",
    ]
    # 0.1 √2 / 3 = 0.05.
    assert group_rows(found)[1] == ["2", "a+b  c", "+2.0e-01 ± 5e-02", "proposed"]


def test_commands_carry_the_runs_settings(tmp_path):
    run = Path(tmp_path / "run")
    run.mkdir()
    assert overrides_of(run) is None
    line = "[2026-01-01 10:00:00,000][mtl.cli.job][INFO] mtl train "
    (run / "app.log").write_text(
        f"{line}lr=1\n[x][other][INFO] mtl train no=1\n"
        f"{line}data=shapes tasks=[box, classification] monitor=val/box/iou name='a b' lr=0.01\n"
    )
    overrides = overrides_of(run)
    assert overrides == [
        "data=shapes",
        "tasks=[box, classification]",
        "monitor=val/box/iou",
        "name='a b'",
        "lr=0.01",
    ]
    made = shlex.split(command(["box"], overrides))
    assert made == ["mtl", "train", "tasks=[box]", "data=shapes", "monitor=val/box/iou",
                    "name='a b'", "lr=0.01"]  # fmt: skip
    other = shlex.split(command(["classification"], overrides))
    assert other == [
        "mtl",
        "train",
        "tasks=[classification]",
        "data=shapes",
        "name='a b'",
        "lr=0.01",
    ]
    alone = command(["box"], ["callbacks.conflict.enabled=true"])
    assert alone == "mtl train 'tasks=[box]'"


def test_command_measures_and_proposes(mtl, tmp_path):
    assert mtl("train", *SMALL, "hydra.run.dir=run", "lr=0.01").code == 0
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    result = mtl("affinity", "run=run", "epochs=2", "every=4")
    assert result.code == 0, result.err
    assert "epoch 2/2" in result.out
    found = json.loads((tmp_path / "run/affinity/affinity.json").read_text())
    assert found["looks"] == [[3, 3, 3]] * 3
    assert (found["rate"], found["every"], found["epochs"]) == (0.01, 4, 2)
    assert ("proposed" in result.out) == (found["proposed"] is not None) == bool(found["commands"])
    assert ("beyond chance" in result.out) == (found["proposed"] is None)
    for made in found["commands"].values():
        assert made in result.out
        assert mtl(*shlex.split(made)[1:], "--cfg=job").code == 0
    assert (tmp_path / "run/affinity/affinity.png").stat().st_size > 5000
    after = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert after == sorted([*before, "affinity"])


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], "mtl: run= is needed: write run=outputs/runs/NAME/TIME"),
        (["run=none"], "mtl: run=none: no such folder"),
        (["run=alone"], "mtl: run=alone: has one task, box; affinity needs two or more"),
        (["run=apart"], "mtl: affinity: the tasks share no parameters with this encoder"),
        (["run=apart", "every=0"], "mtl: every=0: give a whole number, 1 or more"),
        (["run=apart", "rate=-1"], "mtl: rate=-1: must be a number greater than 0"),
        (["run=apart", "epcohs=1"], "mtl: unknown key 'epcohs'; did you mean epochs"),
    ],
)
def test_mistakes(mtl, tmp_path, arguments, answer):
    from omegaconf import OmegaConf

    for name, more in {"alone": ["tasks=[box]"], "apart": ["encoder=per_task"]}.items():
        (tmp_path / name).mkdir()
        OmegaConf.save(load([*SMALL, *more]), tmp_path / name / "config.yaml")
    result = mtl("affinity", *arguments)
    assert result.code == 2
    assert result.err.startswith(answer)
    assert result.err.count("\n") == 1


def test_nan_is_written_as_null(tmp_path):
    from mtl.runs.affinity.report import write

    means = np.array([[0.1, NAN], [NAN, 0.2]])
    found = Affinity(("a", "b"), means, np.full((2, 2), NAN), np.eye(2))
    file, _ = write(found, {}, tmp_path)
    assert json.loads(file.read_text())["affinity"] == [[0.1, None], [None, 0.2]]
