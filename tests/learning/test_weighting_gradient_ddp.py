"""Two processes on the processor take the step of one, and stay equal."""

from pathlib import Path

import pytest
from ranks_kit import BASE, FEW, PARTIAL, assert_two_are_one, trained

pytestmark = pytest.mark.slow

FULL = f"{BASE} data=shapes tasks=[classification,box] image_size=32 {FEW}"
SETS = f"{BASE} data=mixed tasks=[a,b] heads.a.target=one.a heads.b.target=two.b"
SETS += "".join(
    f" data@data.sets.{name}=alternating data.sets.{name}.train={number}"
    f" data.sets.{name}.val=2 data.sets.{name}.test=2"
    for name, number in (("one", 16), ("two", 8))
)
METHODS = {
    "full": f"{FULL} weighting=upgrad",
    "stage": f"{PARTIAL} weighting=cagrad weighting.at=second",
    "representation": f"{PARTIAL} weighting=mgda weighting.at=representation",
    "moco": f"{PARTIAL} weighting=moco",
    "gradvac": f"{PARTIAL} weighting=gradvac",
    "graddrop": f"{PARTIAL} weighting=graddrop",
    "accumulated": f"{PARTIAL} weighting=nash_mtl trainer.accumulate_grad_batches=2",
    "equal": f"{PARTIAL} weighting=equal",
    "equal_accumulated": f"{PARTIAL} weighting=equal trainer.accumulate_grad_batches=2",
    "gls": f"{PARTIAL} weighting=gls trainer.accumulate_grad_batches=2",
    "every": f"{PARTIAL} weighting=cagrad weighting.every=3",
    "every_accumulated": f"{PARTIAL} weighting=cagrad weighting.at=second weighting.every=2 "
    "trainer.accumulate_grad_batches=2",
}
MIXED = {
    "sets": f"{SETS} data.sampling=equal weighting=pcgrad",
    "sets_apart": f"{SETS} data.batches=apart weighting=uncertainty",
}

# An epoch has 3 samples more than 3 steps of 8; one process has 4 batches a step, two have 2 each.
TOTAL = f"{PARTIAL} weighting=pcgrad data.train=27 batch_size=2 trainer.total_batch=8"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    methods = {name: f"{own} data.train=24" for name, own in METHODS.items()} | MIXED
    cases = {name: f"{own} epochs=2" for name, own in {**methods, "total": TOTAL}.items()}
    return trained(tmp_path_factory.mktemp("ranks"), cases)


@pytest.mark.parametrize("name", [*METHODS, *MIXED])
def test_processes_take_the_step_of_one_and_stay_equal(folder: Path, name: str) -> None:
    assert_two_are_one(folder, name, steps=6)


def test_steps_of_a_total_batch_are_the_same_in_one_process_and_in_two(folder: Path) -> None:
    assert_two_are_one(folder, "total", steps=6, batches=(4, 2))
