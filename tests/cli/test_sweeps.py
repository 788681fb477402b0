"""Sweeps: planned quickly, run in this process or others, with one folder that explains itself."""

import logging
import os
import sys
import threading
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl.cli.sweeps.command import beforehand
from mtl.cli.sweeps.engines import shares
from mtl.cli.sweeps.engines.base import Engine
from mtl.cli.sweeps.engines.here import Here
from mtl.cli.sweeps.engines.joblib import Joblib
from mtl.cli.sweeps.engines.slurm import Slurm
from mtl.cli.sweeps.job import Job, Sweep
from mtl.cli.sweeps.overrides import grid, task_part
from mtl.cli.sweeps.plan import Planner, plan_sweep
from mtl.cli.sweeps.record import Record
from mtl.cli.sweeps.rounds import run_all
from mtl.cli.sweeps.studies import with_studies
from mtl.config import compose as compose_module
from mtl.config import many
from mtl.config.compose import chosen_of, compose, with_values
from mtl.config.finalise import finalise, held_values
from mtl.config.groups import members
from mtl.config.many import Composer
from mtl.config.schema import composed_defaults
from mtl.errors import RunError, UserError
from mtl.runs.affinity.commands import overrides_of
from mtl.runs.page.gather.command import read_command

TINY = [
    *("data.train=16", "data.val=8", "data.test=8", "image_size=32", "backbone.width=8"),
    *("epochs=1", "batch_size=8", "augmentation=none", "callbacks.progress.enabled=false"),
    *("callbacks.figures.enabled=false", "callbacks.curves.enabled=false"),
]


def test_values_changed_afterwards_are_as_if_composed_with():
    overrides = ["tasks=[box]", "lr=0.5", "heads.box.weight=2", "++epochs=3"]
    whole = finalise(compose(["backbone=resnet18", *overrides]))
    assert finalise(with_values(compose(["backbone=resnet18"]), overrides)) == whole
    with pytest.raises(UserError, match="unknown key 'epohcs'; did you mean epochs=10"):
        with_values(compose([]), ["epohcs=3"])


@pytest.mark.parametrize(
    "overrides",
    [
        ["weighting=dwa", "encoder=cgc", "seed=3", "tasks=[box]", "heads.box.weight=2"],
        ["experiment=bccd", "weighting=famo", "data.root=.", "callbacks.ema.decay=0.5"],
        ["experiment=c_rmtl", "encoder=shared", "data.train=7", "monitor=val/box/iou"],
        ["data=voc_folder", "data.root=.", "backbone=vgg16", "++lr=0.5", "name='a b'"],
        ["head@heads.fine=classification", "tasks=[fine]", "heads.fine.label_smoothing=0.1"],
        ["experiment=demo", "sweep=joblib", "sweep.jobs=3", "views=rotations", "fusion=mean"],
        ["backbone=vgg16", "weighting=pcgrad", "preprocess=denoise", "backbone.weights=none"],
        ["data=mixed", "data@data.sets.one=shapes", "tasks=[classification]", "encoder=mtan"],
    ],
    ids=" ".join,
)
def test_configurations_made_of_others_are_as_if_composed(overrides):
    cfg = compose(overrides)
    made = Composer(None).make(overrides)
    assert made.values == held_values(cfg)
    assert list(made.values) == list(held_values(cfg))
    assert made.chosen == chosen_of(cfg.hydra)


def test_few_compositions_make_many_jobs(monkeypatch):
    composed: list[object] = []
    original = compose_module.compose_or_raise

    def counted(overrides, config_dir=None):
        composed.append(tuple(overrides))
        return original(overrides, config_dir)

    monkeypatch.setattr(many, "compose", counted)
    composer = Composer(None)
    for weighting in ("equal", "dwa", "pcgrad"):
        for seed in range(3):
            own = [f"weighting={weighting}", "experiment=demo", f"seed={seed}", "lr=0.5"]
            made = composer.make(own)
            assert (made.values["seed"], made.values["lr"]) == (seed, 0.5)
            assert made.chosen.names["weighting"] == weighting
    assert composed == [("experiment=demo",)]


def test_jobs_compose_without_what_planning_has_warmed(mtl, stub_train):
    """Hydra is set up already when a job looks up the defaults."""

    def act(cfg, folder):
        composed_defaults.cache_clear()
        return {"val/score": 0.5}

    stub_train.act = act
    assert mtl("train", "-m", "seed=1,2,3").code == 0
    assert len(stub_train.calls) == 3


def test_name_of_a_sweep_with_other_settings(mtl, stub_train):
    def act(cfg, folder):
        (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
        return {"val/score": 0.5}

    stub_train.act = act
    assert mtl("train", "-m", "name=mine", "seed=1,2").code == 0
    assert mtl("train", "-m", "name=mine", "seed=1,2,3").code == 0
    stub_train.calls.clear()
    result = mtl("train", "-m", "name=mine", "seed=4,2", "epochs=3")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "outputs/sweeps/mine holds a sweep whose job seed-2 has epochs=10, not 3" in result.err
    assert stub_train.calls == []


def test_columns_of_a_table_are_planned():
    overrides = ["tasks=[box],[classification,box]", "seed=1,0", "lr=0.1"]
    plan = plan_sweep(Planner(overrides, None))
    assert plan.metrics == [
        *("box/iou", "classification/accuracy", "box/mae", "box/mse", "box/recall50"),
        *("classification/balanced_accuracy", "classification/auroc"),
    ]
    assert plan.varies == {"tasks": ["box", "classification+box"], "seed": [1, 0]}


@pytest.mark.parametrize(
    ("seeds", "line"),
    [
        ([0, 1], "2 seeds can't tell a difference from chance; seed=0,1,2 can"),
        ([7, 3], "2 seeds can't tell a difference from chance; seed=7,3,8 can"),
        ([0, 1, 2], ""),
        ([], ""),
    ],
)
def test_too_few_seeds_are_said_before_the_first_job(seeds, line):
    own = [f"seed={','.join(map(str, seeds))}"] if seeds else ["seed=4"]
    plan = plan_sweep(Planner([*own, "lr=0.1,0.2"], None))
    assert [told for told in beforehand(plan) if "seed" in told] == ([line] if line else [])


@pytest.mark.slow
def test_jobs_leave_no_threads_and_name_every_tasks_metric(mtl):
    """The second job has started all that lives as long as the process."""
    counts: list[int] = []
    from mtl.runs import train as module

    original = module.train

    def counted(cfg, folder):
        metrics = original(cfg, folder)
        counts.append(threading.active_count())
        return metrics

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "train", counted)
        result = mtl("train", "-m", "tasks=[box],[classification]", "lr=1e-3,1e-4", *TINY)
    assert result.code == 0, result.err
    assert len(counts) == 4
    assert counts[1] == counts[3]

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    for folder in Path("outputs/sweeps/shapes").glob("tasks-*"):
        events = EventAccumulator(str(folder)).Reload()
        content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
        data = plugin_data_pb2.HParamsPluginData.FromString(content)
        tags = {info.name.tag for info in data.experiment.metric_infos}
        assert {"test/score", "test/box/iou", "test/classification/accuracy"} <= tags
        own = {tag for tag in events.Tags()["scalars"] if tag.startswith("test/")}
        task = "box/iou" if "tasks-box" in folder.name else "classification/accuracy"
        assert {"test/score", f"test/{task}"} == own & {
            *("test/score", "test/box/iou", "test/classification/accuracy")
        }
        assert len(list(folder.glob("events.out.tfevents.*"))) == 1


def test_studies_are_values_to_sweep_over(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_text("# Mine.\nfusion: all\nlr: [0.1, 0.2]\n")
    assert with_studies(["study=seeds", "lr=1"], None) == ["lr=1", "seed=0,1,2,3,4", "name=seeds"]
    assert with_studies(["study=augmentations,seeds", "seed=7", "name=x"], None) == [
        *("seed=7", "name=x", "augmentation=none,light,rotation"),
    ]
    assert with_studies(["study=tasks", "tasks=[box]", "seed=1"], None)[:2] == [
        "tasks=[box]",
        "seed=1",
    ]
    alone = with_studies(["study=tasks", "experiment=joint", "seed=1"], None)
    assert alone[2] == "tasks=[classification],[box],[classification,box]"
    assert with_studies(["study=mine"], tmp_path) == [
        *("fusion=attention,concat,max,mean,mil_attention,none", "lr=0.1,0.2", "name=mine"),
    ]
    with pytest.raises(UserError, match="study=seds: no study 'seds'; did you mean 'seeds'"):
        with_studies(["study=seds"], None)


def test_every_study_can_be_planned():
    for study in members("study"):
        jobs = grid(with_studies([f"study={study}"], None), None)
        assert len(jobs) >= 5
        Composer(None).make(task_part(jobs[0]))


@dataclass(frozen=True)
class Pretended:
    """Jobs that leave word; what each does is said by its name."""

    folder: Path

    def __call__(self, job: Job, took: str = "") -> None:
        record = Record(self.folder)
        record.started(job.name, took)
        with (self.folder / "took.txt").open("a") as file:
            file.write(f"{job.name}: {took}\n")
        if job.name == "dies":
            os._exit(1)
        if job.name == "fails":
            record.failed(self.folder / job.name, RunError("on request"))
        elif job.name == "busy" and not (self.folder / "free").exists():
            (self.folder / "free").touch()
            record.elsewhere(job.name)
        else:
            record.finished(job.name, 1.0, None, 0.1, [])


def jobs_called(*names: str) -> list[Job]:
    return [Job(n, len(names), name, (), (), {}, "", {}) for n, name in enumerate(names, 1)]


def test_jobs_that_fail_or_are_elsewhere_stop_none(tmp_path, capsys):
    run_all(Here(), Pretended(tmp_path), jobs_called("a", "fails", "busy", "b"))
    states = {name: entry["state"] for name, entry in Record(tmp_path).last().items()}
    assert states == dict.fromkeys("ab", "finished") | {"fails": "failed", "busy": "finished"}
    assert "waiting for what another process runs: busy" in capsys.readouterr().out


@pytest.mark.slow
def test_a_process_that_dies_takes_no_other_job_with_it(tmp_path):
    """The job is tried once more, alone; the others are done whatever happened beside them."""
    run_all(Joblib(2), Pretended(tmp_path), jobs_called("a", "dies", *"bcdefghijk"))
    said = Record(tmp_path).last()
    assert said["dies"]["error"].startswith("its process died twice")
    assert {entry["state"] for name, entry in said.items() if name != "dies"} == {"finished"}
    assert len(said) == 12
    took = (tmp_path / "took.txt").read_text().splitlines()
    assert took.count("dies: 1 thread") == 2
    assert all(took.count(f"{name}: 1 thread") <= 2 for name in "abcdefghijk")


class Warned(Sweep):
    """Trains nothing, and warns."""

    def train(self, cfg, folder):
        logging.getLogger("mtl.learning").warning("careful with seed %s", cfg.seed)
        return {"val/score": 0.5}


LOCAL_CLUSTER = Slurm(None, 5, 1, 0, None, 2, {}, "local")


@pytest.mark.slow
@pytest.mark.parametrize(
    "engine", [Here(), Joblib(2), LOCAL_CLUSTER], ids=lambda e: type(e).__name__
)
def test_the_log_of_a_job_holds_its_command_and_its_warnings(tmp_path, monkeypatch, engine: Engine):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    plan = plan_sweep(Planner(["name=mine", "seed=0,1", "lr=0.5", "sweep=grid"], None))
    own = {field.name: getattr(plan.sweep, field.name) for field in fields(Sweep)}
    run_all(engine, Warned(**own), plan.jobs)
    for seed in (0, 1):
        folder = tmp_path / f"outputs/sweeps/mine/seed-{seed}"
        assert read_command(folder) == f"mtl train name=mine seed={seed} lr=0.5"
        assert overrides_of(folder) == ["name=mine", f"seed={seed}", "lr=0.5"]
        command, warning = (folder / "app.log").read_text().splitlines()
        assert command.endswith(read_command(folder))
        assert warning.endswith(f"[mtl.learning][WARNING] careful with seed {seed}")


def test_cores_and_gpus_are_shared_out(monkeypatch, tmp_path):
    monkeypatch.setattr(shares, "_HELD", {})
    for name in (*shares.THREADS, shares.VISIBLE):
        monkeypatch.setenv(name, "0,3")
    monkeypatch.setattr(shares, "cores", lambda: 9)
    assert shares.gpus() == ["0", "3"]
    assert shares.threads_each(4) == 2
    own = shares.MachineShares(tmp_path, 4, 2, shares.gpus())
    assert own.take() == "2 threads, GPU 0"
    assert own.take() == "2 threads, GPU 0"
    assert os.environ["OMP_NUM_THREADS"] == "2"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert shares.threads_each(4) == 1


def test_further_options_of_the_library_behind_an_engine():
    for sweep, options in (("ray", {"num_cpus": 2}), ("slurm", {"slurm_account": "mine"})):
        (key, value), *_ = options.items()
        own = [f"sweep={sweep}", f"sweep.options={{{key}: {value}}}", "seed=1,2"]
        assert Planner(own, None).settings["options"] == options
    with pytest.raises(UserError, match=r"unknown key 'trainer\.acelerator'"):
        Composer(None).make(["trainer={acelerator: gpu}"])


def test_what_other_programs_of_hydras_would_do(mtl):
    launcher = mtl("train", "-m", "hydra/launcher=joblib", "seed=1,2")
    assert "hydra/launcher: jobs are run by sweep=NAME; see mtl ls sweep" in launcher.err
    jobs = mtl("train", "-m", "sweep=joblib", "sweep.jobs=1,2")
    assert "sweep.jobs=1,2: must be one value, the same for all jobs" in jobs.err
    wrong = mtl("train", "-m", "sweep=joblib", "sweep.jobs=0", "seed=1,2")
    assert "sweep.jobs=0: must be auto or a whole number at least 1" in wrong.err
    assert "study=seeds: add -m" in mtl("train", "study=seeds").err


@pytest.mark.parametrize("sweep", members("sweep"))
def test_one_run_takes_nothing_of_a_sweep(mtl, stub_train, sweep):
    own = [f"sweep.{key}={value}" for key, value in compose([f"sweep={sweep}"]).sweep.items()]
    for override in (f"sweep={sweep}", *own):
        result = mtl("train", override)
        said = "is for mtl train -m, which trains many; add -m, or leave it out"
        assert (result.code, result.err) == (2, f"mtl: {override}: {said}\n")
    assert stub_train.calls == []


def test_studies_of_tasks_are_told_by_the_data_alone():
    told = with_studies(["study=tasks", "sweep=joblib", "sweep.jobs=3", "data=cifar10"], None)
    assert "tasks=[classification]" in told


def test_packages_that_are_missing(mtl, monkeypatch):
    monkeypatch.setattr("mtl.config.packages.find_spec", lambda name: None)
    monkeypatch.setattr("mtl.config.finalise.check_packages", lambda loggers: None)
    for sweep, package in (("joblib", "joblib"), ("slurm", "submitit"), ("ray", "ray")):
        result = mtl("train", "-m", f"sweep={sweep}", "seed=1,2")
        said = f"sweep={sweep} needs the package {package}: pip install 'mtl[{package}]'"
        assert (result.code, result.err) == (2, f"mtl: {said}\n")
    result = mtl("train", "-m", "sweep=optuna", "lr=interval(1,2)")
    assert "sweep=optuna needs the package optuna: pip install 'mtl[optuna]'" in result.err
