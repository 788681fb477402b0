import json
import shlex
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import fresh
import pytest
from omegaconf import OmegaConf

from mtl.cli.resume import how_to_resume
from mtl.config import load
from mtl.config.overrides import parse
from mtl.errors import Interrupted, RunError, UserError


def test_one_run(mtl, stub_train):
    result = mtl("train", "lr=0.1", "name=mine")
    assert (result.code, result.err) == (0, "")
    ((cfg, folder),) = stub_train.calls
    assert cfg.lr == 0.1
    assert folder.parent == Path.cwd() / "outputs/runs/mine"
    assert (folder / "app.log").read_text().endswith("mtl train lr=0.1 name=mine\n")


def test_what_takes_a_second_before_a_run_is_said(mtl, stub_train, monkeypatch):
    said = []

    @contextmanager
    def doing(what):
        said.append(what)
        yield
        said.append("over")

    monkeypatch.setattr("mtl.cli.train.doing", doing)
    monkeypatch.setattr("mtl.cli.train.load", lambda *_: said.append("composed"))
    stub_train.act = lambda cfg, folder: said.append("run")
    assert mtl("train", "hydra.run.dir=here").code == 0
    assert said == ["composing the configuration", "composed", "over", "run"]


def test_run_folder_and_new_head(mtl, stub_train):
    arguments = ("head@heads.fine=classification", "tasks=[fine]", "hydra.run.dir=here")
    assert mtl("train", *arguments).code == 0
    ((cfg, folder),) = stub_train.calls
    assert folder == Path.cwd() / "here"
    assert list(cfg.heads) == ["fine"]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("bad file"), 2, "mtl: bad file\n"),
        (RunError("loss is nan"), 1, "mtl: loss is nan\n"),
        (KeyboardInterrupt(), 130, "mtl: interrupted\n"),
    ],
)
def test_exit_codes(mtl, stub_train, error, code, said):
    def act(cfg, folder):
        raise error

    stub_train.act = act
    result = mtl("train")
    assert (result.code, result.err) == (code, said)


@pytest.mark.parametrize(
    ("arguments", "folder", "goes_on"),
    [
        ([], "outputs/runs/x/1", "mtl train hydra.run.dir=outputs/runs/x/1"),
        (["tasks=[box]"], "a b/1", "mtl train 'tasks=[box]' \"hydra.run.dir='a b/1'\""),
        (["hydra.run.dir=mine"], "mine", "mtl train hydra.run.dir=mine"),
        ([], "/far/away", "mtl train hydra.run.dir=/far/away"),
    ],
)
def test_how_an_interrupted_run_goes_on(tmp_path, monkeypatch, arguments, folder, goes_on):
    monkeypatch.chdir(tmp_path)
    stop = Interrupted(tmp_path / folder, resumable=True)
    assert how_to_resume(arguments, stop) == f"the run goes on with: {goes_on}"
    typed = parse(shlex.split(goes_on)[-1])
    assert (typed.key_or_group, typed.value()) == ("hydra.run.dir", folder)


def test_an_interrupted_run_says_how_it_goes_on(mtl, stub_train):
    def act(cfg, folder):
        raise Interrupted(folder, resumable=False)

    stub_train.act = act
    said = "mtl: interrupted; no epoch was finished, so there is nothing to go on from\n"
    result = mtl("train")
    assert (result.code, result.err) == (130, said)


def test_relative_paths_stay_where_the_command_began(mtl, stub_train):
    here = Path.cwd()
    Path("photos/train/x").mkdir(parents=True)
    data = ("data=image_folder", "data.root=photos", "hydra.job.chdir=true")
    assert mtl("train", *data, "hydra.run.dir=run").code == 0
    assert mtl("train", "-m", *data, "seed=1").code == 0
    for cfg, folder in stub_train.calls:
        assert Path(cfg.data.root) == here / "photos"
        assert Path(cfg.data.cache_dir) == here / "outputs/cache"
        assert folder.is_relative_to(here)
    assert [folder.name for _, folder in stub_train.calls] == ["run", "job"]
    assert Path("outputs/sweeps/image_folder/jobs.jsonl").exists()


def test_our_own_bugs_come_out_with_their_traceback(mtl, stub_train):
    stub_train.act = lambda cfg, folder: {}["bug"]
    with pytest.raises(KeyError, match="bug"):
        mtl("train")


def test_folder_that_cannot_be_made(mtl, stub_train):
    Path("file").touch()
    result = mtl("train", "hydra.run.dir=file/run")
    assert result.code == 2
    assert "hydra.run.dir" in result.err


def test_cfg_prints_what_would_run(mtl):
    result = mtl("train", "--cfg", "job", "tasks=[box]")
    cfg = OmegaConf.create(result.out)
    assert list(cfg.heads) == ["box"]
    assert OmegaConf.create(mtl("train", "--cfg", "job", "-p", "trainer").out) == cfg.trainer


def test_hydras_own_options(mtl):
    assert "Defaults List" in mtl("train", "--info", "defaults").out
    assert mtl("train", "--cfg", "hydra").out.startswith("hydra:")


def test_help(mtl):
    text = mtl("train", "--help").out
    assert "*small_cnn" in text
    assert "epochs=10" in text
    assert mtl("--help").out == mtl().out
    assert "train" in mtl().out
    assert mtl("--version").out.startswith("mtl ")


def test_sweep(mtl, stub_train):
    new = "head@heads.fine=classification"
    result = mtl("train", "-m", "tasks=[box],[fine,box]", "data.seed=3", new)
    assert result.code == 0
    assert [folder.name for _, folder in stub_train.calls] == [
        "tasks-box",
        "tasks-fine+box",
    ]
    assert {folder.parent for _, folder in stub_train.calls} == {
        Path.cwd() / "outputs/sweeps/shapes"
    }
    rows = [line.split() for line in result.out.splitlines() if line.startswith("tasks-")]
    assert rows[1] == ["tasks-fine+box", "finished", "0.0010"]


def test_sweep_over_data_stays_in_one_folder(mtl, stub_train):
    Path("root").mkdir()
    overrides = ("data=shapes,cifar10", "tasks=[classification]", "++data.root=root")
    result = mtl("train", "-m", *overrides)
    assert result.code == 2  # shapes has no root
    Path("data/cifar10").mkdir(parents=True)
    assert mtl("train", "-m", *overrides[:2]).code == 0
    assert [folder.relative_to(Path.cwd()) for _, folder in stub_train.calls] == [
        Path("outputs/sweeps/shapes/data-shapes"),
        Path("outputs/sweeps/shapes/data-cifar10"),
    ]


def test_failed_jobs_leave_word_and_the_others_run_on(mtl, stub_train):
    def act(cfg, folder):
        if cfg.lr == 0.2:
            raise RunError("loss is nan")
        if cfg.lr == 0.3:
            raise ZeroDivisionError("ours")
        return {"val/score": 0.5}

    stub_train.act = act
    result = mtl("train", "-m", "lr=-1,0.2,0.3,0.4")
    assert result.code == 1
    assert [cfg.lr for cfg, _ in stub_train.calls] == [0.2, 0.3, 0.4]
    root = Path("outputs/sweeps/shapes")
    states = {f.parent.name: json.loads(f.read_text()) for f in root.glob("*/status.json")}
    assert states == {
        "lr--1": {"state": "failed", "error": "lr=-1: must be greater than 0"},
        "lr-0.2": {"state": "failed", "error": "loss is nan"},
        "lr-0.3": {"state": "failed", "error": "ours"},
    }
    traces = {f.parent.name: f.read_text() for f in root.glob("*/traceback.txt")}
    assert sorted(traces) == ["lr--1", "lr-0.2", "lr-0.3"]
    assert "ZeroDivisionError: ours" in traces["lr-0.3"]
    rows = [line.split() for line in result.out.splitlines() if line.startswith("lr-")]
    assert rows == [
        ["lr--1", "failed"],
        ["lr-0.2", "failed"],
        ["lr-0.3", "failed"],
        ["lr-0.4", "finished", "0.5000"],
    ]
    assert "mtl: lr-0.2: loss is nan\n" in result.err


def test_folder_of_another_run_keeps_its_status(mtl, stub_train):
    folder = Path("outputs/sweeps/shapes/seed-1")
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(load(["seed=1"])))
    (folder / "status.json").write_text('{"state": "finished"}')

    def act(cfg, folder):
        raise UserError("holds another run")

    stub_train.act = act
    assert mtl("train", "-m", "seed=1").code == 1
    assert json.loads((folder / "status.json").read_text()) == {"state": "finished"}


def test_interrupt_stops_the_sweep(mtl, stub_train):
    def act(cfg, folder):
        raise KeyboardInterrupt

    stub_train.act = act
    result = mtl("train", "-m", "seed=1,2,3", "tasks=[box]")
    goes_on = "the jobs that are left are done by: mtl train -m seed=1,2,3 'tasks=[box]'"
    assert (result.code, result.err) == (130, f"mtl: interrupted; {goes_on}\n")
    assert result.out == "job 1 of 3: seed=1\n"
    assert len(stub_train.calls) == 1


def test_users_own_backbone_and_head_train(tmp_path):
    """Members in a folder of configurations and a module of the current directory."""
    (tmp_path / "mine.py").write_text(
        "from mtl.model.backbone.small_cnn import SmallCNN\n"
        "from mtl.model.head.segmentation import Segmentation\n"
        "class Backbone(SmallCNN): pass\n"
        "class Things(Segmentation): pass\n"
    )
    conf = Path(__file__).parents[2] / "conf"
    for group, old, name, target in (
        ("backbone", "small_cnn", "mine", "mine.Backbone"),
        ("head", "segmentation", "things", "mine.Things"),
    ):
        lines = (conf / group / f"{old}.yaml").read_text().splitlines()
        lines[0] = "# My own."
        lines = [f"_target_: {target}" if li.startswith("_target_") else li for li in lines]
        (tmp_path / "my" / group).mkdir(parents=True)
        (tmp_path / "my" / group / f"{name}.yaml").write_text("\n".join(lines))
    arguments = ["backbone=mine", "tasks=[things]", "epochs=1", "batch_size=4", "image_size=32"]
    arguments += ["data.train=4", "data.val=4", "data.test=4", "hydra.run.dir=run"]
    done = fresh.mtl("train", "--config-dir", "my", *arguments, cwd=tmp_path).wait()
    assert done.code == 0, done.err
    assert "test/things/miou" in json.loads((tmp_path / "run/results.json").read_text())["metrics"]
    listed = subprocess.run(
        [sys.executable, "-m", "mtl", "ls", "backbone", "--config-dir", "my"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "mine" in listed.stdout
    assert "My own." in listed.stdout
