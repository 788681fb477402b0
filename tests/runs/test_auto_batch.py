"""``batch_size=auto``: the largest that fits, and a run that is none the wiser."""

from pathlib import Path

import pytest
import yaml
from training_kit import checkpoint, same_weights, write_conf

from mtl.config.difference import difference
from mtl.config.load import load
from mtl.data.build import build_data
from mtl.errors import RunError, UserError
from mtl.files import read_json
from mtl.runs.auto_batch import memory
from mtl.runs.auto_batch.search import largest, sizes_up_to
from mtl.runs.train import train

MB = 2**20


def test_sizes() -> None:
    assert sizes_up_to(20) == [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20]
    assert sizes_up_to(1) == [1]
    assert sizes_up_to(1024, of=24) == [1, 2, 3, 4, 6, 8, 12, 24]
    assert sizes_up_to(10, of=24) == [1, 2, 3, 4, 6, 8]


class Machine:
    """Takes so many MB for the network and for each sample, and notes what is measured."""

    def __init__(self, network: int, sample: float, there: int | None = None) -> None:
        self.network, self.sample, self.there = network, sample, there
        self.measured: list[int] = []

    def __call__(self, size: int) -> int | None:
        self.measured.append(size)
        used = int((self.network + self.sample * size) * MB)
        return None if self.there is not None and used > self.there * MB else used


def test_on_a_cpu_nothing_is_tried_that_may_be_too_large() -> None:
    """100 + 20 n MB: from 8 to 16 it grows by 160; (1000 - 100) / 20 = 45, so 40."""
    machine = Machine(100, 20)
    assert largest(machine, sizes_up_to(1024), 1000 * MB, tries=False) == 40
    assert machine.measured == [1, 2, 4, 8, 16]
    # Of 300 MB each, 4 would be too many.
    machine = Machine(0, 300)
    assert largest(machine, sizes_up_to(1024), 1000 * MB, tries=False) == 3
    assert machine.measured == [1, 2]


def test_on_a_gpu_the_estimate_is_tried() -> None:
    machine = Machine(100, 20, there=1100)
    assert largest(machine, sizes_up_to(1024), 1000 * MB, tries=True) == 40
    assert machine.measured == [1, 2, 4, 8, 16, 40]


def test_an_estimate_that_was_too_large_or_too_small_is_corrected() -> None:
    def more_from_16_on(size: int) -> int | None:
        return (100 + 20 * size + 30 * max(0, size - 16)) * MB

    # 16 take 420 and 24 take 820; 28 would take 1020.
    assert largest(more_from_16_on, sizes_up_to(1024), 1000 * MB, tries=True) == 24

    def less_from_16_on(size: int) -> int | None:
        return (100 + 20 * min(size, 16) + 10 * max(0, size - 16)) * MB

    # 420 + 10 * 58 = 1000: 74, so 64.
    assert largest(less_from_16_on, sizes_up_to(1024), 1000 * MB, tries=True) == 64


def test_what_comes_once_is_not_taken_for_what_a_sample_takes() -> None:
    """80 MB come with the fourth sample; later each takes 100 / 16, and 600 are left: 96 more."""
    measured = {1: 100, 2: 160, 4: 240, 8: 250, 16: 300, 32: 400}
    found = largest(lambda n: measured[n] * MB, sizes_up_to(1024), 1000 * MB, tries=False)
    assert found == 128


def test_what_is_not_there_ends_the_doubling() -> None:
    """Of a network so small that memory grows by less than can be seen: 13 fit, 12 are a size."""
    machine = Machine(100, 1, there=113)
    assert largest(machine, sizes_up_to(1024), 1000 * MB, tries=True) == 12
    assert machine.measured == [1, 2, 4, 8, 16, 14, 12]


def test_the_most_that_is_considered() -> None:
    assert largest(Machine(1, 0.001), sizes_up_to(1024, of=48), 9 * MB, tries=False) == 48


def test_not_even_one() -> None:
    with pytest.raises(RunError, match="not even 1 fit; a smaller image_size or backbone"):
        largest(Machine(100, 1, there=50), sizes_up_to(8), 1000 * MB, tries=True)


def test_memory_of_a_job_with_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The innermost group has no limit, the one around it has 100 of which 30 are used."""
    job, groups = tmp_path / "process", tmp_path / "groups"
    job.mkdir()
    (job / "cgroup").write_text("0::/slurm/job\n")
    for place, limit, used in (("slurm/job", "max", 20), ("slurm", "100", 30)):
        (groups / place).mkdir(parents=True, exist_ok=True)
        (groups / place / "memory.max").write_text(f"{limit}\n")
        (groups / place / "memory.current").write_text(f"{used}\n")
    monkeypatch.setattr(memory, "PROCESS", job)
    monkeypatch.setattr(memory, "GROUPS", groups)
    assert memory._free() == 70


@pytest.mark.slow
def test_a_run_that_found_its_batch_is_one_that_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Batch statistics, dropout and augmentation included; 8 is all that a step of 8 takes."""
    own = "data=alternating data.train=24 data.val=4 data.test=4 backbone=normed epochs=1"
    own += " trainer.total_batch=8 augmentation=light heads.a.dropout=0.3 weighting=pcgrad"
    own += " logger=none callbacks.figures.enabled=false callbacks.curves.enabled=false"
    conf = write_conf(tmp_path / "conf")
    auto, told = (load([*own.split(), f"batch_size={n}"], conf) for n in ("auto", "8"))
    with pytest.raises(UserError, match="batch_size=auto: is found by mtl train alone"):
        build_data(auto)
    train(auto, tmp_path / "auto")
    assert "batch_size=auto: 8 fit, more are not tried" in capsys.readouterr().out
    train(told, tmp_path / "told")
    one, other = (checkpoint(tmp_path / name, "last") for name in ("auto", "told"))
    assert same_weights(one["state_dict"], other["state_dict"])
    assert one["mtl"]["settings"] == other["mtl"]["settings"]
    metrics = [read_json(tmp_path / n / "results.json")["metrics"] for n in ("auto", "told")]
    assert metrics[0] == metrics[1]
    kept = yaml.safe_load((tmp_path / "auto" / "config.yaml").read_text())
    assert kept["batch_size"] == 8
    # Nothing is looked for again, and neither command is another run's.
    monkeypatch.setattr("mtl.runs.training_data.settle_batch_size", None)
    assert train(auto, tmp_path / "auto") == train(told, tmp_path / "auto") == metrics[0]
    assert difference(kept, auto) is None
    assert difference(kept, load([*own.split(), "batch_size=4"], conf)) == "batch_size=8, not 4"
