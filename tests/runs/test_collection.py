"""Run folders found and read, a stranger's among them."""

import json
from pathlib import Path

import pytest
import yaml
from made_up_runs import config, write_run
from omegaconf import OmegaConf

from mtl.errors import BadFile, UserError
from mtl.runs.collection.find import find_runs
from mtl.runs.collection.plain_yaml import read_plain_yaml


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A sweep of two seeds beside a run."""
    folder = tmp_path / "outputs"
    sweep = folder / "sweeps/mine"
    for seed, hour in ((0, "09"), (1, "08")):
        write_run(
            sweep / f"seed-{seed}", config(seed), {"box/iou": 0.5}, started=f"2026-01-01T{hour}"
        )
    (sweep / "sweep.json").write_text("{}")
    (sweep / "jobs.jsonl").write_text("")
    write_run(folder / "runs/other/1", config(7), {"box/iou": 0.5})
    return folder


def test_folders_sweeps_and_globs(outputs, monkeypatch):
    monkeypatch.chdir(outputs.parent)
    for pattern in ("outputs/sweeps/mine", "outputs/sweeps/*", "outputs/sweeps/mine/*"):
        # In the order in which they were started.
        assert [run.seed for run in find_runs([pattern]).finished] == [1, 0]
    found = find_runs(["outputs/runs/other/1", "outputs/runs", "outputs"])
    assert [run.seed for run in found.finished] == [7, 1, 0]
    (run,) = find_runs(["outputs/runs/other/1"]).finished
    assert run.path == Path("outputs/runs/other/1")
    assert run.tasks == ("classification", "box")
    assert run.metrics == {"test/box/iou": 0.5}
    assert run.heads["box"]["metrics"] == ["iou", "mae"]
    assert run.state == "finished"


def test_a_pattern_that_matches_nothing(outputs):
    with pytest.raises(UserError, match="runs=nowhere: no such folder"):
        find_runs(["nowhere"])
    with pytest.raises(UserError, match="no folder matches"):
        find_runs([f"{outputs}/none*"])


def test_what_cannot_be_read_is_named_and_passed_over(outputs):
    sweep = outputs / "sweeps/mine"
    write_run(sweep / "a", config(2), None, state="failed", error="loss is nan")
    write_run(sweep / "b", config(3), None, state="running")
    write_run(sweep / "c", config(4), None)
    (sweep / "d").mkdir()
    (sweep / "d/status.json").write_text('{"state": "failed", "error": "lr=-1"}')
    write_run(sweep / "e", config(5), {"box/iou": 1.0})
    (sweep / "e/results.json").write_text('{"metr')
    write_run(sweep / "f", {"tasks": ["box"], "seed": 1}, {"box/iou": 1.0})
    (sweep / "g/checkpoints").mkdir(parents=True)
    write_run(sweep / "h", config(0), {"box/iou": 1.0})
    (sweep / "h/config.yaml").write_text("a: &x [1]\nb: *x\n")
    write_run(sweep / "i", config(0, heads__box__larger_is_better={}), {"box/iou": 1.0})
    write_run(sweep / "j", {**config(), "seed": "one"}, {"box/iou": 1.0})
    write_run(sweep / "k", config(0), {"box/iou": "good"})
    found = find_runs([sweep])
    assert [run.seed for run in found.finished] == [1, 0]
    assert [(run.path.name, run.state) for run in found.unfinished] == [
        ("a", "failed"),
        ("b", "running"),
    ]
    reasons = {passed.path.relative_to(sweep): passed.reason for passed in found.passed_over}
    expected = {
        "c": "says finished without results.json",
        "d": "failed before it began: lr=-1",
        "e/results.json": "can't be read as JSON",
        "f": "of another version (mtl upgrade may help): no tasks with their heads",
        "g": "has no config.yaml",
        "h/config.yaml": "has the alias *x",
        "i": "(mtl upgrade may help): heads.box.metrics: iou is not declared",
        "j": "has a config.yaml without a seed",
        "k/results.json": "holds no metrics",
    }
    assert {str(path) for path in reasons} == set(expected)
    for name, reason in expected.items():
        assert reason in reasons[Path(name)]


def test_a_configuration_reads_as_the_framework_does(tmp_path):
    odd = {"lr": 1e-5, "empty": {}, "none": None, "tasks": ["a b", "c: d", "#e"], "yes": "no"}
    long = {
        "text": "word " * 60 + "'quoted' \"twice\"\nand broken\n",
        "nested": [[1, [2]], {"a": []}],
    }
    cfg = OmegaConf.create({**config(), **odd, **long})
    path = tmp_path / "config.yaml"
    path.write_text(OmegaConf.to_yaml(cfg))
    assert read_plain_yaml(path) == OmegaConf.to_container(cfg)


def _read(text: str) -> dict:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(text)
        return read_plain_yaml(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: ${oc.env:HOME}\n", "which a run never writes"),
        ("- a\n- b\n", "is not the configuration of a run"),
        ("a: " + "[" * 40 + "]" * 40 + "\n", "has too many levels"),
        ("a: !!python/object/apply:os.system [true]\n", "could not determine a constructor"),
        ("a: b: c\n", "mapping values are not allowed"),
        ("x: " + "y" * 1_000_001, "is larger than any run's configuration"),
        ("1: 2\n", "is not the configuration of a run"),
    ],
)
def test_a_strangers_configuration_is_only_data(tmp_path, text, reason):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(BadFile, match=reason):
        read_plain_yaml(path)


def test_names_that_would_steer_the_terminal(tmp_path):
    values = config(0)
    values["tasks"] = ["bo\x1b[2Jx"]
    values["heads"] = {"bo\x1b[2Jx": values["heads"]["box"]}
    write_run(tmp_path / "run", values, {"box/iou": 1.0})
    (passed,) = find_runs([tmp_path / "run"]).passed_over
    assert "another version" in passed.reason


def test_nodes_of_equal_text_are_read_once(tmp_path):
    first, second = (
        write_run(tmp_path / str(seed), config(seed), {"box/iou": 0.5}) for seed in (0, 1)
    )
    one, other = (read_plain_yaml(run / "config.yaml") for run in (first, second))
    assert one["heads"] is other["heads"]
    assert (one["seed"], other["seed"]) == (0, 1)
    assert one == yaml.safe_load((first / "config.yaml").read_text())


def test_results_without_a_status(tmp_path):
    run = write_run(tmp_path / "run", config(3), {"box/iou": 0.5})
    (run / "status.json").unlink()
    (record,) = find_runs([run]).finished
    assert (record.state, record.started, record.environment) == ("finished", "", {})
    (run / "environment.json").write_text(json.dumps({"commit": "abc"}))
    assert find_runs([run]).finished[0].environment == {"commit": "abc"}
