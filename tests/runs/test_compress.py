"""``mtl compress``: what is asked for, the table, and a run's folder that comes out."""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from export_kit import SIZE, made_up_run, noise
from omegaconf import OmegaConf

from mtl.cli.compress import run
from mtl.config.compression import step_nodes
from mtl.config.groups import members
from mtl.config.instantiate import make
from mtl.config.member_files import node_of
from mtl.data.sample import Target
from mtl.data.sources.shapes import CLASSES as SHAPES
from mtl.errors import UserError
from mtl.files import read_json
from mtl.model.multiply_adds import multiply_adds
from mtl.runs.compression.base import Step
from mtl.runs.compression.chain import check_chain
from mtl.runs.compression.goal import Goal, goal_of
from mtl.runs.compression.measured import _delta_m
from mtl.runs.compression.measures import Latency
from mtl.runs.compression.prune import unstructured
from mtl.runs.compression.table import Stand, caveat_lines, columns, markdown
from mtl.runs.compression.target import _strongest, _weakest
from mtl.runs.evaluate import evaluate
from mtl.runs.opened import open_run

TASKS = ("box", "classification")
QUICK = ("prune.rounds=1", "prune.images=4", "prune.multiple=1", "prune.epochs_factor=0")

SMALLEST: Mapping[str, tuple[str, ...]] = {
    "distill": (),
    "prune": ("rounds=1", "images=2", "multiple=1"),
    "select": ("images=2",),
    "prune_unstructured": ("rounds=1",),
    "quantize": ("images=2", "sensitivity=blocks", "sensitivity_images=1", "max_loss=null"),
    "qat": ("epochs=1", "images=2", "sensitivity=blocks", "sensitivity_images=1", "max_loss=null"),
    "weight_only": (),
}
"""Options with which a step takes least."""
PRUNED = ("steps=[prune]", *QUICK, "prune.final_epochs_factor=1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_run(tmp_path_factory.mktemp("run"), f"tasks=[{','.join(TASKS)}]", "epochs=1")


@pytest.fixture(scope="module")
def pruned(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pruned")
    compress(trained, out, *PRUNED)
    return out


def compress(trained: Path, out: Path, *options: str) -> None:
    run([f"run={trained}", f"out={out}", "repeats=none", *options])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["steps=[prun]"], "no step 'prun'; did you mean 'prune'?"),
        (["steps=[]"], r"steps=\[\]: name some of "),
        (["steps=[prune,prune]"], "prune is there twice"),
        (
            ["steps=[prune]", "prune.kep=0.4"],
            r"unknown key 'prune\.kep'; did you mean prune\.keep=0\.5",
        ),
        (["steps=[prune]", "prune.keep=2"], r"prune\.keep=2: must be "),
        (["steps=[select]", "prune.keep=0.4"], r"prune\.keep=0\.4: prune is not among"),
        (["steps=[prune]", "repeats=0"], "repeats=0: give a whole number"),
        (["steps=[prune]", "target.loss=-1"], r"target\.loss=-1: must be a number, 0 or more"),
        (["steps=[prune]", "target.los=1"], "no target 'los'; did you mean 'loss'?"),
        (["steps=[prune]", "target.loss.bax=1"], "no task 'bax'; did you mean 'box'?"),
        (["steps=[prune]", "prune.weights=3"], "prune.weights=3: write {TASK: number from 0}"),
        (["steps=[prune]", "prune.weights={bax: 2}"], "prune.weights: no task 'bax'; did you mean"),
        (
            ["steps=[prune_unstructured]", "prune_unstructured.weights={bax: 2}"],
            "prune_unstructured.weights: no task 'bax'; did you mean 'box'?",
        ),
        (
            ["steps=[distill,quantize]", "target.megabytes=1"],
            "target: of distill, quantize none can be done more or less, as prune and select can",
        ),
        (["stps=[prune]"], "unknown key 'stps'; did you mean steps=?"),
        (
            ["steps=[prune,quantize]", "trainer.limit_val_batches=0"],
            r"trainer\.limit_val_batches=0: nothing of val is evaluated",
        ),
    ],
)
def test_mistakes(trained: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        run([f"run={trained}", *arguments])
    assert not (trained / "compressed").exists()


def test_what_is_refused_after_a_first_start_leaves_that_alone(
    trained: Path, tmp_path: Path
) -> None:
    """A folder that was there stays, with the reason and without a traceback."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"prune\.weights: no task 'bax'"):
        compress(trained, tmp_path, "steps=[prune]", "prune.weights={bax: 2}")
    assert {f.name for f in tmp_path.iterdir()} >= {"notes.txt", "status.json"}
    assert "no task 'bax'" in read_json(tmp_path / "status.json")["error"]
    assert not (tmp_path / "traceback.txt").exists()


def test_two_steps_go_together_or_are_refused_before_anything_is_done(
    trained: Path, tmp_path: Path
) -> None:
    nodes = {name: step_nodes([name], [])[0][name] for name in members("compression", None)}
    steps: dict[str, Any] = {name: make(node, Step) for name, node in nodes.items()}
    found = {}
    for first, second in permutations(steps, 2):
        try:
            check_chain({first: steps[first], second: steps[second]})
        except UserError as error:
            found[first, second] = str(error).partition(": ")[2]
    files = ("qat", "quantize", "weight_only")
    anew = {(name, "distill") for name in steps if name != "distill"}
    after_files = {(first, second) for first, second in permutations(steps, 2) if first in files}
    zeros = {("prune_unstructured", name) for name in ("prune", "select", "qat")}
    assert found.keys() == anew | after_files | zeros
    assert found["prune", "distill"] == (
        "distill trains a new network, from the start; name it first"
    )
    assert found["quantize", "prune"] == (
        "quantize makes a file, and prune starts from a network; name quantize last"
    )
    assert found["prune_unstructured", "qat"] == (
        "training in qat would fill what prune_unstructured sets to 0; name prune_unstructured "
        "after it"
    )
    with pytest.raises(UserError, match=r"^steps=\[select,quantize,prune\]: quantize makes a file"):
        compress(trained, tmp_path / "out", "steps=[select,quantize,prune]")
    assert not (tmp_path / "out").exists()


def test_a_goal_of_all_tasks_and_of_one():
    asked = ["target.loss=2", "target.loss.box=0.5", "target.megabytes=3", "lr=1"]
    goal, others = goal_of(asked, TASKS)
    assert goal == Goal(megabytes=3, loss={"box": 0.5, "classification": 2})
    assert others == ["lr=1"]
    reached = {"megabytes": 3.0, "loss.box": 0.6, "loss.classification": -4.0}
    assert goal.missed(reached) == {"loss.box": 0.6}
    assert goal.missed({**reached, "loss.box": float("nan")}).keys() == {"loss.box"}


def test_no_more_goes_than_a_size_takes():
    """A file of 10 MB times what stays; 4 MB are asked for."""
    found = _weakest(lambda keep: {"megabytes": 10 * keep}, Goal(megabytes=4), "prune.keep")
    assert 0.38 < found <= 0.4
    with pytest.raises(UserError, match=r"^target\.megabytes=0\.1 can't be reached; nearest: "):
        _weakest(lambda keep: {"megabytes": 10 * keep}, Goal(megabytes=0.1), "prune.keep")


def test_as_much_goes_as_losses_allow():
    def trial(keep: float) -> Mapping[str, float]:
        return {"loss.box": 10 * (1 - keep)}

    assert 0.8 <= _strongest(trial, Goal(loss={"box": 2}), "prune.keep") < 0.82
    with pytest.raises(UserError, match=r"nearest: prune\.keep=0\.985 has 0\.1 points less of box"):
        _strongest(trial, Goal(loss={"box": 0}), "prune.keep")


def test_the_table_has_changes_in_points_and_percentiles():
    first = Stand(
        "as trained",
        {"box": {"iou": 0.5}},
        0.0,
        2_000_000,
        8.0,
        10_000_000,
        {"eager": {1: Latency(4.0, 5.0)}},
        1.0,
    )
    later = Stand("prune", {"box": {"iou": 0.49}}, -0.02, 1_000_000, 4.0, None, {}, 2.0)
    table = columns([first, later], {"box": "iou"})
    assert table == [
        ["", "as trained", "prune"],
        ["box iou", "0.500", "0.490 (-1.0)"],
        ["Δm", "", "-2.0 %"],
        ["parameters, M", "2.000", "1.000"],
        ["file, MB", "8.00", "4.00"],
        ["multiply-adds, M", "10.0", ""],
        ["torch, batch 1, ms", "4.0 (5.0)", ""],
    ]
    assert markdown([first, later], {"box": "iou"}).splitlines()[1] == "| --- | ---: | ---: |"
    assert Stand.of(json.loads(json.dumps(first.plain))) == first
    # Of how many images, where that was counted, and there are changes.
    assert caveat_lines([first, later]) == []
    small = replace(later, labelled={"box": 22})
    told = (
        "changes and Δm are of one network on 22 labelled images: other seeds, or more images, "
        "tell whether they are real"
    )
    assert caveat_lines([small]) == []
    assert caveat_lines([first, small]) == [told]
    assert markdown([first, small], {"box": "iou"}).endswith(f" |\n\nC{told[1:]}.\n")


def test_pixels_of_another_picture_are_not_compared() -> None:
    """Twice as good by IoU; errors are the same share of a picture of twice the side."""
    head = {**node_of("head", "box"), "metrics": ["iou", "mae"]}
    work: Any = SimpleNamespace(
        cfg=OmegaConf.create({"image_size": 64, "heads": {"box": head}}),
        network=SimpleNamespace(tasks=["box"]),
    )
    first = Stand("as trained", {"box": {"iou": 0.4, "mae": 3.0}}, 0.0, 1, 1.0, 1, {}, 1.0, 32)
    now = {"box": {"iou": 0.8, "mae": 6.0}}
    assert _delta_m(work, now, first) == pytest.approx(1.0)
    assert _delta_m(work, now, replace(first, image_size=64)) == pytest.approx(0.0)


@pytest.mark.slow
def test_a_pruned_run_is_a_run(
    trained: Path, pruned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = read_json(pruned / "table.json")
    before, after = table["stands"]
    assert after["multiply_adds"] < 0.52 * before["multiply_adds"]
    assert after["megabytes"] < before["megabytes"]
    assert table["main"] == {"box": "iou", "classification": "accuracy"}
    assert not (pruned / "finetuning").exists()
    assert read_json(pruned / "status.json")["state"] == "finished"

    opened = open_run(pruned)
    assert multiply_adds(opened.network, SIZE) == after["multiply_adds"]
    found = evaluate(opened.config, pruned, "test")
    for task, own in after["metrics"].items():
        for name, value in own.items():
            assert found[f"test/{task}/{name}"] == pytest.approx(value, nan_ok=True)

    capsys.readouterr()
    compress(trained, pruned, *PRUNED)
    assert "multiply-adds, M" in capsys.readouterr().out
    with pytest.raises(UserError, match="holds a compression with other steps"):
        compress(trained, pruned, *PRUNED, "prune.keep=0.4")


@pytest.mark.slow
def test_a_pruned_run_is_pruned_further_to_a_size(pruned: Path, tmp_path: Path) -> None:
    whole = read_json(pruned / "table.json")["stands"][1]["megabytes"]
    options = (*QUICK, "prune.importance=magnitude", "prune.final_epochs_factor=0")
    size = f"target.megabytes={0.7 * whole:.4f}"
    compress(pruned, tmp_path, "steps=[prune]", *options, size)
    left = read_json(tmp_path / "table.json")["stands"][1]["megabytes"]
    assert 0.6 * whole < left <= 0.7 * whole
    assert not (tmp_path / "trial").exists()


def test_weights_that_are_0_already_are_among_those_that_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run of which half went before: 0.8 of it can't stay, and 0.25 are reached in two rounds."""
    monkeypatch.setattr(unstructured, "checkpoint_bytes", lambda work, metrics: b"")
    image = torch.ones(1, 4, 3, 3)

    def finetune(network: torch.nn.Module, epochs: int, lr: float) -> None:
        network.to(memory_format=torch.channels_last)(image)

    for keep, left in ((0.8, 0.5), (0.25, 0.25)):
        layer = torch.nn.Conv2d(4, 4, 3)
        layer.weight.data[:2] = 0
        kept = layer.weight.detach().clone()
        settings: Any = {"keep": keep, "rounds": 2, "importance": "magnitude", "weights": {}}
        more: Any = {"images": 1, "epochs_factor": 0, "final_epochs_factor": 0, "lr_factor": 1}
        work: Any = SimpleNamespace(
            network=torch.nn.Sequential(layer),
            cfg=SimpleNamespace(epochs=1, lr=1),
            finetune=finetune,
            say=lambda line: None,
            notes={},
        )
        unstructured.PruneUnstructured(**settings, **more).apply(work)
        assert work.notes["zeros"] == 1 - left
        assert ((layer.weight == kept) | (layer.weight == 0)).all()


FINETUNING = ("prune", "prune_unstructured", "select", "qat")


@pytest.mark.slow
@pytest.mark.parametrize("step", FINETUNING)
def test_steps_train_as_runs_may_have_been_trained(
    step: str, trained: Path, tmp_path: Path
) -> None:
    """An average copies the network, and gradients are asked for before the first step."""
    own = ["callbacks.ema.enabled=true", "weighting=mgda"]
    own += [f"{step}.rounds=1"] if step.startswith("prune") else []
    compress(trained, tmp_path, f"steps=[{step}]", *own)
    assert open_run(tmp_path).network(noise(1, 3, SIZE, SIZE)).keys() == set(TASKS)


CHAINS = (
    ("distill", "prune", "select", "prune_unstructured", "quantize"),
    ("qat",),
    ("weight_only",),
)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
def test_runs_of_another_type_take_every_step(precision: str, tmp_path: Path) -> None:
    """What is looked at, cut and put into a file is a network of float32."""
    own = ["epochs=1", f"trainer.precision={precision}", "trainer.limit_train_batches=1"]
    shown = {"label": Target("label", SHAPES), "boxes": Target("boxes", SHAPES)}
    (tmp_path / "run").mkdir()
    made_up_run(tmp_path / "run", *own, tasks=f"[{','.join(TASKS)}]", targets=shown)
    assert {step for chain in CHAINS for step in chain} == set(members("compression", None))
    for chain in CHAINS:
        small = [f"{step}.{option}" for step in chain for option in SMALLEST[step]]
        out = tmp_path / chain[0]
        compress(tmp_path / "run", out, f"steps=[{','.join(chain)}]", *small)
        assert [s["step"] for s in read_json(out / "table.json")["stands"][1:]] == list(chain)
        opened = open_run(out)
        assert opened.config.trainer.precision == "32-true"
        values = opened.network.state_dict().values()
        assert {v.dtype for v in values if v.is_floating_point()} == {torch.float32}
        assert opened.network(noise(1, 3, SIZE, SIZE)).keys() == set(TASKS)


@pytest.mark.slow
def test_single_weights_become_0_and_nothing_else(trained: Path, tmp_path: Path) -> None:
    options = [f"prune_unstructured.{o}" for o in ("rounds=2", "keep=0.25", "images=4")]
    options += ["prune_unstructured.epochs_factor=0", "prune_unstructured.final_epochs_factor=0"]
    compress(trained, tmp_path, "steps=[prune_unstructured]", *options)
    network: Any = open_run(tmp_path).network
    whole: Any = open_run(trained).network
    kernels = [
        m.weight for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)
    ]
    zeros = sum(int((kernel == 0).sum()) for kernel in kernels)
    assert zeros / sum(kernel.numel() for kernel in kernels) == pytest.approx(0.75, abs=1e-3)
    for name, value in network.state_dict().items():
        same = value == whole.state_dict()[name]
        assert (same | (value == 0)).all()
    notes = read_json(tmp_path / "table.json")["stands"][1]["notes"]
    assert notes["zeros"] == pytest.approx(0.75, abs=1e-3)
    assert network(noise(1, 3, SIZE, SIZE)).keys() == set(TASKS)
