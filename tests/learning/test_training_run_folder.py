"""The folder that a run leaves, and what the same and other commands into it do."""

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import training_kit
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from training_kit import checkpoint, label_of, same_weights, write_conf
from voc_factory import make_voc

from mtl.cli.main import main
from mtl.config.load import load
from mtl.errors import UserError
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.runs import train as run_module
from mtl.runs.samples import KeptSamples
from mtl.runs.train import train

BASE = ["data=alternating", "backbone=plain", "augmentation=light", "epochs=3", "batch_size=4"]
LOGGING = ["trainer.log_every_n_steps=2", "lr=0.01", "callbacks.samples.enabled=true"]
FIGURES = ("calibration", "confusion", "pr", "roc")


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def finished(conf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the command."""
    folder = tmp_path_factory.mktemp("finished")
    arguments = ["train", "--config-dir", str(conf), *BASE, *LOGGING, f"hydra.run.dir={folder}"]
    code, out, err = command(*arguments)
    assert (code, err) == (0, "")
    assert out.rstrip().endswith(f"run folder: {folder}")
    return folder


@pytest.fixture(scope="module")
def in_process(conf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without the command, and without the test split."""
    folder = tmp_path_factory.mktemp("in_process")
    train(load([*BASE, *LOGGING, "test=false"], conf), folder)
    return folder


def results(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "results.json").read_text())
    return found


def test_contents(finished: Path) -> None:
    found = {str(p.relative_to(finished)) for p in finished.rglob("*") if p.is_file()}
    events = {name for name in found if name.startswith("events.out.tfevents.")}
    assert len(events) == 1
    # The diff is there where the tests themselves are not committed.
    assert found - events - {"uncommitted.diff"} == {
        ".lock",
        "app.log",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "config.yaml",
        "curves/test.json",
        "environment.json",
        *(f"figures/test_{task}_{name}.png" for task in "ab" for name in FIGURES),
        "figures/test.png",
        "figures/test_worst_a.png",
        "figures/test_worst_b.png",
        "figures/val.png",
        "metrics.csv",
        "results.json",
        "samples/test.npz",
        "status.json",
    }
    assert "mtl train data=alternating" in (finished / "app.log").read_text()


def test_configuration_is_resolved_and_holds_the_chosen_heads_only(
    finished: Path, conf: Path
) -> None:
    text = (finished / "config.yaml").read_text()
    assert "${" not in text
    saved = OmegaConf.load(finished / "config.yaml")
    assert list(saved.heads) == ["a", "b"]
    assert saved == load([*BASE, *LOGGING], conf)


def test_results(finished: Path) -> None:
    found = results(finished)
    assert found.keys() == {
        "metrics",
        "best",
        "seed",
        "epochs",
        "duration_s",
        "parameters",
        "shared_parameters",
        "multiply_adds",
        "peak_memory_mb",
        "images_per_second",
        "data_wait",
        "skipped_samples",
        "training_samples",
        "labelled",
    }
    names = {
        f"{split}/{task}/{metric}"
        for split in ("val", "test")
        for task in ("a", "b")
        for metric in ("accuracy", "balanced_accuracy", "auroc", "loss")
    } | {f"{split}/{name}" for split in ("val", "test") for name in ("score", "loss")}
    assert found["metrics"].keys() == names
    assert (found["seed"], found["epochs"], found["skipped_samples"]) == (0, 3, 0)
    cfg = OmegaConf.load(finished / "config.yaml")
    labels = {s: [label_of(i) for i in range(cfg.data[s])] for s in ("val", "test")}
    assert found["labelled"] == {
        split: {task: sum(own[place] >= 0 for own in of_split) for place, task in enumerate("ab")}
        for split, of_split in labels.items()
    }
    # 3x3 kernels and biases: 3 to 6 and 6 to 8 channels; then 3 and 2 classes of 8 features.
    assert found["parameters"] == (27 * 6 + 6) + (54 * 8 + 8) + (8 * 3 + 3) + (8 * 2 + 2)
    # All but the last two layers.
    assert found["shared_parameters"] == (27 * 6 + 6) + (54 * 8 + 8)
    # 8 x 8 and 4 x 4 places; then 3 and 2 classes of 8 features.
    assert found["multiply_adds"] == 64 * 27 * 6 + 16 * 54 * 8 + 8 * 3 + 8 * 2
    assert found["best"]["monitor"] == "val/score"
    assert found["best"]["score"] == found["metrics"]["val/score"]
    assert found["best"]["epoch"] == checkpoint(finished, "best")["epoch"] + 1


def test_curves_and_samples_are_those_of_the_metrics(finished: Path) -> None:
    metrics = results(finished)["metrics"]
    curves = json.loads((finished / "curves" / "test.json").read_text())
    kept = KeptSamples.load(finished)
    assert kept is not None
    assert list(curves) == list(kept.tasks) == ["a", "b"]
    for task, own in curves.items():
        counts = np.array(own["confusion"]["counts"])
        accuracy = metrics[f"test/{task}/accuracy"]
        assert counts.trace() / counts.sum() == pytest.approx(accuracy)
        assert own["roc"]["all"]["auc"] == pytest.approx(metrics[f"test/{task}/auroc"], abs=1e-6)
        assert kept.score(task) == pytest.approx(accuracy)
    # Every fifth sample has no label, the others one of the two in turn.
    assert kept.ids("a") == ("test/0", "test/2", "test/6", "test/8")
    assert kept.ids("b") == ("test/1", "test/3", "test/5", "test/7")


def test_curves_without_a_test_split_are_those_of_the_best_epoch(in_process: Path) -> None:
    assert not (in_process / "curves" / "test.json").exists()
    assert not (in_process / "samples").exists()
    curves = json.loads((in_process / "curves" / "val.json").read_text())
    for task, own in curves.items():
        auroc = results(in_process)["metrics"][f"val/{task}/auroc"]
        assert own["roc"]["all"]["auc"] == pytest.approx(auroc, abs=1e-6)
        for name in FIGURES:
            assert (in_process / "figures" / f"val_{task}_{name}.png").exists()


def test_status_and_environment(finished: Path) -> None:
    status = json.loads((finished / "status.json").read_text())
    assert status["state"] == "finished"
    assert status.keys() == {"state", "started", "updated"}
    environment = json.loads((finished / "environment.json").read_text())
    assert {"python", "platform", "device", "commit", "packages"} <= environment.keys()
    assert environment["packages"]["torch"]


def test_checkpoints_hold_tensors_and_plain_containers_only(finished: Path) -> None:
    last = checkpoint(finished, "last")
    assert (last["epoch"], last["global_step"]) == (2, 15)
    assert last["mtl"]["settings"]["tasks"] == ["a", "b"]
    assert last["mtl"]["targets"] == {
        "a": {"kind": "label", "classes": ["x", "y", "z"]},
        "b": {"kind": "label", "classes": ["no", "yes"]},
    }
    best = checkpoint(finished, "best")
    val = {k: v for k, v in results(finished)["metrics"].items() if k.startswith("val/")}
    assert {k: v for k, v in best["mtl"]["metrics"].items() if k.startswith("val/")} == val


def test_two_runs_agree_and_another_seed_does_not(
    finished: Path, in_process: Path, conf: Path, tmp_path: Path
) -> None:
    metrics = results(finished)["metrics"]
    val = {k: v for k, v in metrics.items() if k.startswith("val/")}
    assert results(in_process)["metrics"] == val
    for name in ("best", "last"):
        left, right = (checkpoint(folder, name) for folder in (finished, in_process))
        assert same_weights(left["state_dict"], right["state_dict"])
    train(load([*BASE, *LOGGING, "seed=1"], conf), tmp_path)
    other = checkpoint(tmp_path, "last")["state_dict"]
    assert not same_weights(other, checkpoint(finished, "last")["state_dict"])


def test_finished_run_does_nothing_the_second_time(finished: Path, conf: Path) -> None:
    def times() -> dict[Path, int]:
        files = (p for p in finished.rglob("*") if p.is_file() and p.name != "app.log")
        return {p: p.stat().st_mtime_ns for p in files}

    before = times()
    own = ["--config-dir", str(conf), *BASE, *LOGGING, f"hydra.run.dir={finished}"]
    code, out, err = command("train", *own)
    assert (code, err) == (0, "")
    assert "holds this run, finished; nothing to do" in out
    assert times() == before


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ("lr=0.5", "lr=0.01, not 0.5"),
        ("heads.b.weight=2", "heads.b.weight=1.0, not 2"),
        ("tasks=[a]", "heads.b._target_=mtl.model.head.classification.Classification, not null"),
    ],
)
def test_other_settings_are_refused(finished: Path, conf: Path, own: str, named: str) -> None:
    with pytest.raises(UserError, match=r"choose another hydra\.run\.dir or name") as caught:
        train(load([*BASE, *LOGGING, own], conf), finished)
    assert f"{finished} holds a run with {named}: " in str(caught.value)


def test_number_of_workers_may_differ(finished: Path, conf: Path) -> None:
    assert train(load([*BASE, *LOGGING, "data.workers=0"], conf), finished)


def test_folder_in_use_is_refused(tmp_path: Path, conf: Path) -> None:
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = [sys.executable, "-c", code, str(tmp_path / ".lock")]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="is in use by a run that is going on now"):
            train(load(BASE, conf), tmp_path)
        assert process.stdin is not None
        process.stdin.close()
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_evaluation_gives_the_metrics_of_the_run(
    finished: Path, in_process: Path, conf: Path
) -> None:
    """Both after a run that evaluated the test split itself and after one that left it out."""
    metrics = results(finished)["metrics"]
    assert not (in_process / "figures" / "test.png").exists()
    assert not any(name.startswith("test/") for name in results(in_process)["metrics"])
    for folder in (finished, in_process):
        for split in ("test", "val"):
            code, out, err = command(
                "eval", "trust=[training_kit]", f"run={folder}", f"split={split}"
            )
            assert (code, err) == (0, "")
            assert "a/balanced_accuracy" in out
            assert re.search(r"^a +precision +recall +f1 +support$", out, re.M)
            written = json.loads((folder / "eval" / f"{split}.json").read_text())
            assert written["metrics"] == {
                name: value for name, value in metrics.items() if name.startswith(f"{split}/")
            }
            again = json.loads((folder / "eval" / f"curves_{split}.json").read_text())
            own = folder / "curves" / f"{split}.json"
            assert not own.exists() or json.loads(own.read_text()) == again
            assert (folder / "eval" / f"{split}_a_confusion.png").exists()


def test_test_split_is_read_once_after_training(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training_kit.READS.clear()
    before: dict[str, int] = {}
    evaluate = run_module._evaluate_best

    def watched(*arguments: object) -> object:
        before.update(training_kit.READS)
        return evaluate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(run_module, "_evaluate_best", watched)
    own = ["data=counting", "data.workers=0", "image_size=16"]
    train(load([*BASE, *own], conf), tmp_path)
    assert before == {f"train/{i}": 3 for i in range(20)} | {f"val/{i}": 3 for i in range(10)}
    after = {name: n for name, n in training_kit.READS.items() if name.startswith("test/")}
    assert after == {f"test/{i}": 1 for i in range(10)}


def test_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    root = make_voc(tmp_path / "voc", n_train=6, n_val=2, n_test=2, size=(40, 32))
    base = ["data=voc_folder", f"data.root={root}", "image_size=32", "epochs=2", "batch_size=2"]
    own = ["tasks=[multilabel,segmentation]", "augmentation=c_rmtl", "backbone.width=4"]
    own.append("data.classes=[car,dog,person]")
    found = []
    for workers in (0, 2):
        folder = tmp_path / f"workers{workers}"
        train(load([*base, *own, f"data.workers={workers}"]), folder)
        found.append((results(folder)["metrics"], checkpoint(folder, "last")["state_dict"]))
    assert found[0][0] == found[1][0]
    assert same_weights(found[0][1], found[1][1])


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_tensorboard(finished: Path) -> None:
    found = scalars(finished)
    for task in ("a", "b"):
        for metric in ("accuracy", "balanced_accuracy", "auroc", "loss"):
            # Lightning writes what is logged after validation under the last step's index.
            assert [step for step, _ in found[f"{task}/val/{metric}"]] == [4, 9, 14]
        # Every 2 of 5 steps, and the rest of each epoch; a flush may have seen no label of a task.
        assert {step for step, _ in found[f"{task}/train/loss"]} <= {2, 4, 5, 7, 9, 10, 12, 14, 15}
    assert len(found["train/loss"]) == 9
    assert found["~lr/heads"][-1][1] < found["~lr/heads"][0][1] <= 0.01 + 1e-9
    assert found["~lr/backbone.first"] == found["~lr/heads"]
    assert {tag for tag in found if tag.startswith("~lr/")} == {
        "~lr/backbone.first",
        "~lr/backbone.second",
        "~lr/heads",
    }
    metrics = results(finished)["metrics"]
    for name in ("test/score", "test/a/accuracy", "test/b/accuracy"):
        assert found[name] == [(15, pytest.approx(metrics[name]))]
    events = EventAccumulator(str(finished), size_guidance={"images": 0}).Reload()
    assert [image.step for image in events.Images("val/predictions")] == [5, 10, 15]
    assert [image.step for image in events.Images("test/a/roc")] == [15]
    assert {"test/a/x", "test/a/z"} <= set(events.Tags()["tensors"])
    for tag in ("test/predictions", "test/worst/a", "test/worst/b"):
        assert len(events.Images(tag)) == 1


def hyperparameters(folder: Path) -> dict[str, object]:
    events = EventAccumulator(str(folder)).Reload()
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    data = plugin_data_pb2.HParamsPluginData.FromString(content)
    return {
        name: value.string_value or value.number_value
        for name, value in data.session_start_info.hparams.items()
    }


def test_table_of_runs_has_the_same_columns(in_process: Path, conf: Path, tmp_path: Path) -> None:
    train(load([*BASE, "tasks=[b]", "trainer=debug", "epochs=1"], conf), tmp_path)
    one, other = hyperparameters(in_process), hyperparameters(tmp_path)
    assert one.keys() == other.keys()
    assert (one["tasks"], other["tasks"]) == ("a+b", "b")
    assert (one["lr"], one["epochs"], other["epochs"]) == (0.01, 3, 1)


def test_resumed_run_logs_nothing_twice(
    in_process: Path, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second epoch, after its numbers were logged and before its checkpoint."""
    write = BestAndLast.on_train_epoch_end

    def stop(self: BestAndLast, trainer: object, module: object) -> None:
        if trainer.current_epoch == 1:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        write(self, trainer, module)  # type: ignore[arg-type]

    cfg = load([*BASE, *LOGGING, "test=false"], conf)
    monkeypatch.setattr(BestAndLast, "on_train_epoch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        train(cfg, tmp_path)
    assert "\n9,val/score," in (tmp_path / "metrics.csv").read_text()
    monkeypatch.setattr(BestAndLast, "on_train_epoch_end", write)
    train(cfg, tmp_path)
    assert results(tmp_path)["metrics"] == results(in_process)["metrics"]
    left, right = (checkpoint(folder, "last") for folder in (in_process, tmp_path))
    assert same_weights(left["state_dict"], right["state_dict"])
    one, other = (saved["optimizer_states"][0]["param_groups"] for saved in (left, right))
    assert one == other
    rows = [line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines()]
    keys = [(step, name) for step, name, _ in rows]
    assert len(set(keys)) == len(keys)
    assert rows == [
        line.split(",") for line in (in_process / "metrics.csv").read_text().splitlines()
    ]
    resumed, whole = scalars(tmp_path), scalars(in_process)
    best = results(in_process)["metrics"]["val/score"]
    assert whole["best/score"] == [(15, pytest.approx(best))]
    assert resumed.keys() == whole.keys()
    for tag in whole:
        assert resumed[tag] == whole[tag], tag


def test_debug_trainer_is_one_short_epoch(conf: Path, tmp_path: Path) -> None:
    train(load([*BASE, "trainer=debug", "epochs=7"], conf), tmp_path)
    assert checkpoint(tmp_path, "last")["global_step"] == 2
