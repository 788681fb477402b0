"""The measurements' results: their format, whether goals are met, and the table."""

import io
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import reproduce
from benchmarks.augmentation import versus_pil
from benchmarks.gpu import gpu_throughput, images_per_second
from benchmarks.prediction import predict_throughput
from benchmarks.processes import memory_of, threads_of, tree
from benchmarks.results import Better, Entry, paired, table, verdict, write
from benchmarks.shapes import shapes_generation
from benchmarks.soak import Memory
from benchmarks.sweeps import peak
from mtl.config.load import load


def entry(ratio: float, better: Better) -> Entry:
    return Entry(ratio, 2.0, better, "a thing", {"pairs": [[1, 2]]})


@pytest.mark.parametrize(
    ("ratio", "better", "met"),
    [(1.9, "lower", True), (2.0, "lower", True), (2.1, "lower", False), (2.1, "higher", True)],
)
def test_a_goal_is_met_on_its_better_side(ratio: float, better: Better, met: bool) -> None:
    assert entry(ratio, better).met is met


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    """Ratios 1, 4 and 3; the ratio of the medians would be 2."""
    made = paired(
        [2, 4, 12], [2, 1, 4], goal=1, better="higher", what="a", unit="images/s", threads=1
    )
    assert made.ratio == 3
    assert made.raw["median"] == 4
    assert made.raw["median_baseline"] == 2
    assert made.raw["pairs"] == [[2, 2], [4, 1], [12, 4]]
    assert made.raw["threads"] == 1


def test_what_is_written_has_the_agreed_keys(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write({"one": entry(1, "lower")}, path)
    assert json.loads(path.read_text()) == {
        "one": {
            "ratio": 1,
            "goal": 2.0,
            "better": "lower",
            "what": "a thing",
            "raw": {"pairs": [[1, 2]]},
        }
    }


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write({"one": entry(1, "lower")}, path)
    before = path.read_text()
    with pytest.raises(TypeError):
        write({"one": Entry(1, 2, "lower", "a", {"bad": object()})}, path)
    assert path.read_text() == before


def test_the_table_marks_what_misses() -> None:
    entries = {"good": entry(1, "lower"), "bad": entry(1, "higher")}
    reported = {"told": replace(entries["good"], goal=None)}
    text = io.StringIO()
    Console(file=text, width=100).print(table(entries | reported))
    _, good, bad, told = text.getvalue().splitlines()
    assert told.split() == ["told", "1", "a", "thing"]
    assert good.split() == ["good", "1", "≤", "2", "met", "a", "thing"]
    assert bad.split() == ["bad", "1", "≥", "2", "MISSED", "a", "thing"]
    assert verdict(entries) == "1 of 2 miss their goal: bad"
    assert verdict({"good": entries["good"]}) == "all 1 goals are met"


@pytest.mark.slow
def test_files_and_cache_are_measured() -> None:
    found = versus_pil(count=1, rounds=1)
    assert list(found) == ["files_versus_pil", "cache_versus_pil"]
    assert all(measured.ratio > 0 for measured in found.values())


def test_a_measurement_tells_its_surroundings() -> None:
    made = shapes_generation(images=4, rounds=1)
    assert made.ratio > 0
    assert made.raw["threads"] == 1
    assert "torch" in made.raw["versions"]


def test_this_process_as_the_system_sees_it() -> None:
    assert os.getpid() in tree(os.getpid())
    assert 0.01e9 < memory_of(os.getpid()) < 64e9
    assert threads_of(os.getpid()) >= threading.active_count()
    assert memory_of(2**22 + 1) == 0  # above the largest number that a process can have


def test_a_sweep_is_looked_at_while_the_jobs_in_question_run() -> None:
    looks = {0: [(90, 1)], 8: [(10, 2), (12, 2)], 9: [(11, 3)], 10: [(99, 9)]}
    assert peak(looks, 10) == (12, 3)


def test_one_measurement_leaves_the_others_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    write({"kept": entry(1, "lower"), "one": entry(9, "lower")}, path)
    monkeypatch.setattr(command, "RESULTS", path)
    monkeypatch.setattr(command, "slow", dict)
    monkeypatch.setattr(
        command,
        "quick",
        lambda: {"one": lambda: {"one": entry(1, "lower")}, "two": lambda: 1 / 0},
    )
    command.main(["on*"])
    found = json.loads(path.read_text())
    assert (found["kept"]["ratio"], found["one"]["ratio"]) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        command.main([])
    assert json.loads(path.read_text()) == found
    with pytest.raises(SystemExit, match="no measurement is called three"):
        command.main(["three"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_what_needs_a_gpu_is_left_out_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu_throughput() == {}
    assert capsys.readouterr().out == "gpu_throughput: left out, torch finds no GPU here\n"


@pytest.mark.slow
def test_the_loop_by_hand_takes_turns_with_the_framework() -> None:
    """On a CPU it shows nothing but that both run."""
    tiny = ["data.train=8", "data.val=4", "data.test=4", "batch_size=4", "image_size=32"]
    own = ["backbone.width=4", "trainer.precision=bf16-mixed", "callbacks.progress.enabled=false"]
    quiet = ["callbacks.checkpoint.enabled=false", "callbacks.figures.enabled=false"]
    recipe = [*tiny, *own, *quiet, "tasks=[classification]", "trainer.compile=eager"]
    ours, theirs = images_per_second([*recipe, "trainer.limit_val_batches=0"], rounds=1)
    assert len(ours) == len(theirs) == 1
    assert ours[0] > 0 < theirs[0]


@pytest.mark.slow
def test_the_comparison_of_the_articles_is_one_that_can_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [o for o in reproduce.TRAIN[2:] if not o.startswith("sweep=")]
    for system in reproduce.SYSTEMS:
        own = [f"experiment={system}" if o.startswith("experiment=") else o for o in overrides]
        cfg = load([o for o in own if not o.startswith("seed=")])
        assert {"classification", "box"} <= set(cfg.tasks)
    monkeypatch.setattr(reproduce, "PAGE", tmp_path / "results.md")
    reproduce.write_page("| a table |\n")
    assert "| a table |" in (tmp_path / "results.md").read_text()


@pytest.mark.slow
def test_predicting_takes_turns_with_its_bare_network() -> None:
    tiny = ["tasks=[classification,segmentation]", "image_size=32", "backbone.width=4"]
    found = predict_throughput(count=2, rounds=1, network=[*tiny, "batch_size=2"])
    assert list(found) == ["predict_throughput/json", "predict_throughput/json_pictures"]
    assert all(measured.ratio > 0 for measured in found.values())


def test_memory_of_a_soak_is_looked_at_once_the_process_has_trained() -> None:
    """What comes before is left out, and what follows the last job; one look is beside the line."""
    line = [(50 + n, 600_000_000 + 30_000 * n) for n in range(8)]
    memory = Memory(Path("ends.txt"), [(10, 7), *line, (55, 900_000_000), (58, 1), (58, 1)])
    assert memory.warm() == [*line, (55, 900_000_000)]
    assert memory.kilobytes_a_job() == pytest.approx(30)
