"""Searches with Optuna: stopped and gone on with, several objectives, failures; nothing trains."""

import json
from pathlib import Path
from typing import Any

import pytest

optuna = pytest.importorskip("optuna")

from omegaconf import OmegaConf  # noqa: E402
from optuna.distributions import FloatDistribution, IntDistribution  # noqa: E402

from mtl.cli.sweeps.job import Job, Sweep  # noqa: E402
from mtl.cli.sweeps.record import Record  # noqa: E402
from mtl.cli.sweeps.search import run as _run  # noqa: E402, F401 - before its storage is replaced
from mtl.cli.sweeps.search.found import draw  # noqa: E402
from mtl.cli.sweeps.search.objectives import directions_of, objectives_of  # noqa: E402
from mtl.cli.sweeps.search.space import combinations, space_of  # noqa: E402
from mtl.cli.sweeps.search.trials import Trials  # noqa: E402
from mtl.errors import Pruned, RunError, UserError  # noqa: E402

SETTINGS = {"trials": 20, "sampler": "tpe", "seed": 3, "prune": "none"}
SPACE, _ = space_of(["lr=tag(log,interval(1e-4,1e-1))", "weighting=equal,dwa"], None)


@pytest.fixture(autouse=True)
def in_memory(monkeypatch):
    """One storage for all that a test opens, by folder."""
    stores: dict[str, optuna.storages.InMemoryStorage] = {}
    monkeypatch.setattr(
        "mtl.cli.sweeps.search.trials.opened",
        lambda name: stores.setdefault(name, optuna.storages.InMemoryStorage()),
    )


def measured(params) -> float:
    """Best at lr=0.01 with dwa."""
    near = -abs(params["lr"] - 0.01) * 10
    return near + 0.1 * (params["weighting"] == "dwa")


def search(folder: Path, ends_after: int | None = None, at_once: int = 1) -> list[float]:
    """The values of all trials; it is killed after one was asked for where it ends early."""
    trials = Trials(folder, SPACE, ["maximize"], SETTINGS, at_once)
    while batch := trials.next():
        for trial in batch:
            if trial.number == ends_after:
                return []
            trials.tell(trial.number, "finished", [measured(trial.params)])
    return [trial.value for trial in trials.study.trials]


def test_a_trial_that_has_not_what_the_search_goes_by_has_failed(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.yaml").touch()
    values = {"monitor": "val/score"}
    job = Job(1, 1, "a", (), (), values, "", {}, ("val/score", "val/box/iou"))
    found = {"val/score": 0.5, "test/box/iou": 0.4}
    Sweep(tmp_path, tmp_path, OmegaConf.create())._finished(Record(tmp_path), job, found, 1.0)
    entry = Record(tmp_path).last()["a"]
    said = "has no val/box/iou, which the search goes by"
    assert (entry["state"], entry["error"]) == ("failed", said)
    assert capsys.readouterr().err == f"mtl: a: {said}\n"


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 2])
def test_a_search_that_was_stopped_half_way_finds_what_an_unbroken_one_finds(tmp_path, at_once):
    unbroken = search(tmp_path / "a", at_once=at_once)
    assert search(tmp_path / "b", ends_after=10, at_once=at_once) == []
    gone_on = search(tmp_path / "b", at_once=at_once)
    assert gone_on == unbroken
    assert len(unbroken) == 20
    assert len(set(unbroken)) > 15


WRITES = (
    "create_new_trial",
    "set_trial_param",
    "set_trial_state_values",
    "set_trial_user_attr",
    "set_trial_system_attr",
)


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_a_search_that_is_killed_at_any_of_its_writes_finds_the_same(
    tmp_path, monkeypatch, sampler
):
    """Each command but the last is killed before its n-th write; one of four trials fails once."""
    space = (
        space_of(["lr=1e-3,1e-2", "weighting=equal,dwa"], None)[0] if sampler == "grid" else SPACE
    )
    settings = {**SETTINGS, "trials": 4, "sampler": sampler}
    left: list[int] = []

    def countdown(write):
        def counted(*args, **kwargs):
            if left:
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
            return write(*args, **kwargs)

        return counted

    for name in WRITES:
        write = getattr(optuna.storages.InMemoryStorage, name)
        monkeypatch.setattr(optuna.storages.InMemoryStorage, name, countdown(write))

    def command(folder: Path, fails: int | None) -> list[tuple[Any, str]]:
        trials = Trials(folder, space, ["maximize"], settings, 1)
        while batch := trials.next():
            (trial,) = batch
            done = sum(t.state.name == "COMPLETE" for t in trials.study.trials)
            state = "failed" if done == fails else "finished"
            fails = None if state == "failed" else fails
            trials.tell(trial.number, state, [float(trial.params["lr"])])
        complete = [t for t in trials.study.trials if t.state.name == "COMPLETE"]
        return sorted((t.params["lr"], t.params["weighting"]) for t in complete)

    command(tmp_path / "unbroken", fails=2)
    found = command(tmp_path / "unbroken", fails=None)
    assert len(found) == 4
    cut = 0
    while True:
        left[:] = [cut]
        folder = tmp_path / str(cut)
        try:
            command(folder, fails=2)
            left.clear()
            break
        except KeyboardInterrupt:
            left.clear()
        command(folder, fails=None)
        assert command(folder, fails=None) == found, f"killed before write {cut}"
        cut += 1
    assert cut >= 16  # a trial is begun, has two values, and ends


def test_what_failed_is_tried_again_by_the_next_command(tmp_path):
    settings = {**SETTINGS, "trials": 3, "sampler": "random"}
    for states in (["finished", "failed", "finished"], ["finished"], []):
        trials = Trials(tmp_path, SPACE, ["maximize"], settings, 1)
        for state in states:
            (trial,) = trials.next()
            trials.tell(trial.number, state, [1.0])
        assert trials.next() == []
    tried = trials.study.trials
    assert [trial.state.name for trial in tried] == [
        "COMPLETE",
        "FAIL",
        "COMPLETE",
        "COMPLETE",
    ]
    assert tried[3].params == tried[1].params
    other, _ = space_of(["lr=interval(1,2)"], None)
    with pytest.raises(UserError, match="holds a search of other values"):
        Trials(tmp_path, other, ["maximize"], settings, 1)


def test_spaces():
    space, same = space_of(
        ["epochs=int(interval(1,8))", "lr=interval(0.1,1)", "seed=range(0,10,5)", "name=x"], None
    )
    assert space["epochs"] == IntDistribution(1, 8)
    assert space["lr"] == FloatDistribution(0.1, 1.0)
    assert (space["seed"], same) == (IntDistribution(0, 5, step=5), ["name=x"])
    grid, _ = space_of(["tasks=[box],[box,segmentation]", "seed=1,2"], None)
    assert combinations(grid) == [
        {"tasks": tasks, "seed": seed}
        for tasks in ("[box]", "[box,segmentation]")
        for seed in ("1", "2")
    ]
    with pytest.raises(UserError, match="a grid needs choices"):
        combinations(space)
    with pytest.raises(UserError, match="nothing to search"):
        space_of(["seed=1"], None)


def test_objectives_and_where_better_is():
    head = {"metrics": ["iou", "mae"], "larger_is_better": {"iou": [0, 1]}}
    values = {
        "monitor": "val/loss",
        "heads": {"box": {**head, "smaller_is_better": {"mae": [0, None]}}},
    }
    assert objectives_of(values, "monitor") == ("val/loss",)
    assert objectives_of(values, "tasks") == ("val/box/iou",)
    both = objectives_of(values, ["val/box/iou", "val/box/mae"])
    assert directions_of(both, values) == ["maximize", "minimize"]
    with pytest.raises(UserError, match=r"sweep\.objectives=val/box/iuo: is not logged"):
        objectives_of(values, ["val/box/iuo"])


def test_several_objectives_have_a_front(mtl, stub_train, monkeypatch):
    """Of lr 1, 2, 3 the tasks want the most and the least; 4 fails, 5 is given up."""

    def act(cfg, folder):
        if cfg.lr == 4:
            raise RunError("loss is nan")
        if cfg.lr == 5:
            raise Pruned("pruned after epoch 1")
        return {"val/box/iou": float(cfg.lr), "val/classification/accuracy": 1 / cfg.lr}

    monkeypatch.setattr("mtl.cli.sweeps.search.found.draw", lambda *_: [])
    stub_train.act = act
    wanted = ["sweep=optuna", "sweep.sampler=grid", "sweep.objectives=tasks"]
    tasks = "tasks=[classification,box]"
    result = mtl("train", "-m", *wanted, tasks, "lr=1,2,3,4,5", "name=front")
    assert result.code == 1, result.err
    assert "mtl: lr-4: loss is nan\n" in result.err
    rows = [line.split() for line in result.out.splitlines()]
    assert [row[1] for row in rows if row and row[0].startswith("lr-")][-5:] == [
        *("finished", "finished", "finished", "failed", "pruned"),
    ]
    assert "1 failed; why: mtl status sweep=outputs/sweeps/front\n" in result.out
    front = result.out.partition("none is better in everything than these:")[2]
    assert [line.split()[0] for line in front.splitlines()[2:5]] == ["1", "2", "3"]
    folder = Path("outputs/sweeps/front")
    assert json.loads((folder / "sweep.json").read_text())["jobs"] == 5
    assert len(stub_train.calls) == 5


@pytest.mark.slow
def test_pictures_of_what_was_found(tmp_path):
    trials = Trials(tmp_path, SPACE, ["maximize"], {**SETTINGS, "trials": 4}, 1)
    assert draw(trials.study, tmp_path, ["val/score"]) == []
    while batch := trials.next():
        trials.tell(batch[0].number, "finished", [measured(batch[0].params)])
    written = [file.name for file in draw(trials.study, tmp_path, ["val/score"])]
    assert written == ["importance_val_score.png", "slice_val_score.png"]


def test_what_was_given_up_stays_so_if_the_search_was_killed_before_it_knew(
    mtl, stub_train, monkeypatch
):
    def act(cfg, folder):
        raise Pruned("pruned after epoch 1")

    def killed(*_):
        raise KeyboardInterrupt

    stub_train.act = act
    command = ["train", "-m", "sweep=optuna", "sweep.sampler=grid", "lr=1,2", "name=given_up"]
    with monkeypatch.context() as patch:
        patch.setattr(Trials, "tell", killed)
        assert mtl(*command).code == 130
    assert mtl(*command).code == 0
    assert [cfg.lr for cfg, _ in stub_train.calls] == [1, 2]
