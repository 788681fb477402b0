"""Which process of a run this is, by what launchers leave in the environment, and how all agree."""

import os
import time
from pathlib import Path

import fresh
import pytest
from launch_kit import meeting_place, torchrun

from mtl.cli.one_folder import in_one_folder
from mtl.cli.train import run
from mtl.errors import UserError
from mtl.processes import Launch, is_first_process, launch, several, speaker
from mtl.runs.meeting import all_say, first_says, in_turn

NAMES = ("LOCAL_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID", "SLURM_STEP_NUM_TASKS")
SLURM = {
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def told(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_one_process_is_the_first() -> None:
    assert launch() is None
    assert is_first_process()
    assert speaker() == ""
    assert first_says("folder", "mine") == "mine"
    assert all_say("size", "3") == ["3"]
    done: list[int] = []
    in_turn("data", lambda: done.append(1))
    assert done == [1]


def test_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, torchrun(0, 2))
    assert launch() == Launch("torchrun", rank=0, world=2, local=0, node=0, nodes=1)
    assert is_first_process()
    # The first of the second machine is not the first of all.
    told(monkeypatch, {"RANK": "2", "WORLD_SIZE": "4", "GROUP_RANK": "1", "GROUP_WORLD_SIZE": "2"})
    assert launch() == Launch("torchrun", rank=2, world=4, local=0, node=1, nodes=2)
    assert not is_first_process()
    assert speaker() == "process 2: "


def test_of_srun(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, SLURM)
    found = launch()
    assert found == Launch("srun", rank=5, world=8, local=1, node=1, nodes=2)
    assert found is not None
    assert found.each == 4
    assert not is_first_process()
    monkeypatch.setenv("SLURM_JOB_NAME", "bash")
    assert launch() is None


def test_a_launch_of_one_has_nobody_to_agree_with(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, torchrun(0, 1))
    assert launch() is not None
    assert several() is None
    assert in_one_folder(["lr=1"], None) == ["lr=1"]


def test_sweeps_are_not_for_launchers(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, torchrun(1, 2))
    with pytest.raises(UserError, match="torchrun starts the processes of one run"):
        run(["-m", "lr=1,2"])


def agreeing(place: Path) -> None:
    rank = os.environ["RANK"]
    said = [first_says("folder", f"of {rank}"), first_says("folder", f"later of {rank}")]
    said += all_say("size", rank) + all_say("size", f"{rank}{rank}")

    def work() -> None:
        said.append("there" if (place / "data").exists() else "made")
        (place / "data").touch()

    in_turn("data", work)
    (place / rank).write_text(" | ".join(said))
    while not (place / "1").exists():  # they meet in the first process
        time.sleep(0.01)


def test_processes_agree(tmp_path: Path) -> None:
    place = meeting_place()
    ranks = [
        fresh.start(agreeing, tmp_path, cwd=tmp_path / f"of{rank}", env=torchrun(rank, 2) | place)
        for rank in range(2)
    ]
    for rank in ranks:
        assert rank.wait(100).code == 0, rank.err
    said = [(tmp_path / str(rank)).read_text() for rank in range(2)]
    common = "of 0 | of 0 | 0 | 1 | 00 | 11"
    assert said == [f"{common} | made", f"{common} | there"]
