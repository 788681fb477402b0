"""Faults as the system and torch tell them, and what is said of them in one line."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mtl.cli.cache import ago
from mtl.cli.sweeps.progress import SeenJob, forecast
from mtl.errors import InUse
from mtl.files import unwritable, write_all, write_json
from mtl.learning.logger.csv_file import CsvFile
from mtl.runs.faults.rank import lost_rank
from mtl.runs.faults.storage import not_written
from mtl.runs.faults.worker import lost_worker
from mtl.runs.folder import RunFolder

FULL = OSError(errno.ENOSPC, "No space left on device")
"""Of a write to an open file: without its name."""
HOLD = """
import sys
from pathlib import Path
from mtl.runs.lock import Lock
lock = Lock(Path(sys.argv[1]))
assert lock.take()
lock.sign()
print("held", flush=True)
sys.stdin.read()
"""


def fill(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the disk be full for files whose names have this in them; half of each is written."""
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if name not in self.name:
            return write(self, data)
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)


def test_a_full_disk_leaves_all_files_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    write_json(paths[0], {"old": 1})
    fill(monkeypatch, "b.json")
    with pytest.raises(OSError, match="No space left") as caught:
        write_all(dict.fromkeys(paths, b"new" * 500_000))
    assert paths[0].read_text() == '{\n  "old": 1\n}\n'
    assert sorted(tmp_path.iterdir()) == paths[:1]
    said = str(unwritable(caught.value))
    assert said.startswith(
        f"{paths[1]} can't be written, the disk is full (No space left on device, 1.5 MB needed, "
    )
    assert said.endswith(" MB free): make room")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EDQUOT, "run/last.ckpt can't be written, the disk is full (why"),
        (errno.EFBIG, "run/last.ckpt can't be written, the disk is full (why"),
        (errno.EROFS, "run/last.ckpt can't be written (why): choose another folder"),
        (errno.EACCES, "run/last.ckpt: why: see who may read and write there"),
        (errno.EPERM, "run/last.ckpt: why: see who may read and write there"),
        (errno.ENOENT, "None"),
    ],
)
def test_what_the_system_says(number: int, said: str) -> None:
    led_to = ValueError("later")
    led_to.__context__ = OSError(number, "why", "run/last.ckpt")
    assert str(not_written(led_to)).startswith(said)


def test_a_command_that_cannot_write_ends_in_one_line(
    mtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "made/report.html")

    monkeypatch.setattr("mtl.cli.ls.run", shut)
    done = mtl("ls")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "mtl: made/report.html can't be written (Read-only file system): choose another folder\n"
    )


def test_a_folder_for_runs_that_is_read_only(
    mtl: Callable[..., Any], stub_train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def shut(self: Path, *arguments: Any, **options: Any) -> None:
        if "shut" in self.parts:
            raise OSError(errno.EROFS, "Read-only file system", str(self))
        make(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", shut)
    done = mtl("train", "hydra.run.dir=shut/run")
    assert done.code == 2
    assert done.err == (
        "mtl: hydra.run.dir: shut/run can't be written (Read-only file system): choose another "
        "folder\n"
    )
    assert stub_train.calls == []


def test_a_table_of_numbers_that_a_full_disk_cut_off_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = CsvFile(tmp_path)
    table.log_metrics({"loss": 0.5}, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", raising(FULL))
        with pytest.raises(OSError, match="No space") as caught:
            table.log_metrics({"loss": 0.25}, 2)
    assert caught.value.filename == str(tmp_path / "metrics.csv")
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("2,lo")
    again = CsvFile(tmp_path, purge_step=2)
    again.log_metrics({"loss": 0.125}, 2)
    assert again.path.read_text().split() == ["step,metric,value", "1,loss,0.5", "2,loss,0.125"]


def raising(error: Exception) -> Callable[..., None]:
    def act(*_: object, **__: object) -> None:
        raise error

    return act


def test_who_holds_a_folder_is_said(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    run = RunFolder(tmp_path)
    said = rf"in use by a run that is going on now \(process {holder.pid} on .+, since 20.+\): wait"
    with pytest.raises(InUse, match=said):
        run.lock()
    (tmp_path / ".lock").write_text("{")  # as an older version leaves it, or half of it
    with pytest.raises(InUse, match=r"is going on now: wait for it or end it, or choose another"):
        run.lock()
    holder.communicate()
    run.lock()
    run.release()


@pytest.mark.parametrize(
    ("torchs", "said"),
    [
        (
            "DataLoader worker (pid 71) is killed by signal: Killed. ",
            "a data-loading process (pid 71) was killed (Killed), most often for want of memory: "
            "fewer data.workers need less",
        ),
        (
            "DataLoader worker (pid 71) is killed by signal: Bus error. It is possible that "
            "dataloader's workers are out of shared memory. Please try to raise your limit.",
            "a data-loading process (pid 71) was killed (Bus error), for want of shared memory "
            "(/dev/shm): data.workers=0 needs none",
        ),
        (
            "DataLoader worker (pid(s) 71, 72) exited unexpectedly",
            "a data-loading process (pid 71, 72) ended unexpectedly, most often for want of "
            "memory: fewer data.workers need less; else data.workers=0 shows why",
        ),
        ("shapes differ", "None"),
    ],
)
def test_a_data_loading_process_that_died(torchs: str, said: str) -> None:
    assert str(lost_worker(RuntimeError(torchs))) == said


def test_a_process_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = RuntimeError("[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:99")
    assert lost_rank(closed) is None  # of one process
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    assert str(lost_rank(closed)) == (
        "another process of this run has gone: what it said last tells why, if it was not killed "
        "for want of memory"
    )
    assert lost_rank(torch.distributed.DistBackendError("remote process exited")) is not None
    waited = RuntimeError("Timed out waiting 1800000ms for recv operation to complete")
    assert str(lost_rank(waited)).startswith("another process of this run does not answer: ")
    assert lost_rank(RuntimeError("shapes differ")) is None


def test_a_clock_that_was_set_back() -> None:
    jobs = [SeenJob("a", "finished", seconds=60.0), SeenJob("b", "running", began=1000.0)]
    assert forecast(jobs, 0, now=1000.0 - 3600) == 60.0
    assert ago(-3600) == "now"
