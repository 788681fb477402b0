"""How far a sweep is, from files made up here."""

import json
import os
import platform
import time
from pathlib import Path

from mtl.cli.status import in_time, reasons
from mtl.cli.sweeps.progress import SeenJob, forecast
from mtl.cli.sweeps.record import Record
from mtl.errors import RunError

NAMES = [f"seed-{number}" for number in range(6)]


def write_sweep(folder: Path) -> Record:
    """Jobs 0 finished, 1 failed, 2 running here, 3 of a process that is gone, 4 and 5 waiting."""
    folder.mkdir(parents=True)
    about = {"jobs": 6, "names": NAMES, "command": "mtl train -m seed=range(6)"}
    (folder / "sweep.json").write_text(json.dumps(about))
    record = Record(folder)
    for name in NAMES[:4]:
        record.started(name, "1 thread")
    record.finished(NAMES[0], 0.5, None, 60.0, [])
    record.failed(folder / NAMES[1], RunError("loss is nan"))
    lines = record.file.read_text().replace(f'"pid": {os.getpid()}', '"pid": 999999999')
    kept = [line for line in lines.splitlines() if NAMES[2] not in line]
    record.file.write_text("\n".join(kept) + "\n")
    record.started(NAMES[2], "1 thread")
    return record


def test_what_runs_waits_and_failed(mtl):
    folder = Path("outputs/sweeps/mine")
    record = write_sweep(folder)
    result = mtl("status", f"sweep={folder}")
    assert result.code == 1
    rows = [line.split(maxsplit=2) for line in result.out.splitlines()]
    assert [row[1] for row in rows[1:7]] == [
        *("finished", "failed", "running", "cut", "waiting", "waiting"),
    ]
    assert rows[1][2].strip() == "0.5000"
    assert "seed-1: loss is nan\n" in result.out
    assert rows[3][2].strip() == f"on {platform.node()}, 1 thread"
    assert "6 jobs: 1 finished, 1 failed, 1 cut off, 1 running, 2 waiting" in result.out
    # 60 s of the running one, and of three others after it.
    assert result.out.endswith("about 4 min left\n")
    record.interrupted(NAMES[2])
    record.elsewhere(NAMES[4])
    result = mtl("status", f"sweep={folder}")
    assert "2 cut off, 2 waiting" in result.out
    assert "nothing runs; it goes on with: mtl train -m seed=range(6)\n" in result.out


def test_a_job_on_another_machine_is_there_while_it_gives_signs(mtl):
    folder = Path("mine")
    record = write_sweep(folder)
    lines = record.file.read_text().replace(f'"host": "{platform.node()}"', '"host": "far"')
    record.file.write_text(lines)
    assert "1 cut off" not in mtl("status", f"sweep={folder}").out
    old = lines.replace(time.strftime("%Y-"), "2020-")
    record.file.write_text(old)
    assert "2 cut off" in mtl("status", f"sweep={folder}").out
    (folder / NAMES[3]).mkdir()
    (folder / NAMES[3] / "metrics.csv").write_text("")
    assert "1 cut off" in mtl("status", f"sweep={folder}").out


def test_half_a_line_is_passed_over(tmp_path):
    record = write_sweep(tmp_path / "mine")
    with record.file.open("a") as file:
        file.write('{"job": "seed-4", "sta')
    assert list(record.last()) == [NAMES[i] for i in (0, 1, 3, 2)]


def test_a_reason_is_told_once():
    notes = ("lr=-1: no", "see runs/seed-1", "see runs/seed-2", "lr=-1: no", "lr=-1: no")
    jobs = [SeenJob(f"seed-{n}", "failed", note) for n, note in enumerate(notes)]
    assert list(reasons([*jobs, SeenJob("seed-9", "running", "on host")])) == [
        "seed-0 and 2 others: lr=-1: no",
        "seed-1 and 1 other: see runs/seed-1",
    ]


def test_how_long_it_takes():
    running = SeenJob("a", "running", began=90.0)
    done = SeenJob("b", "finished", seconds=30.0)
    # 30 - 10 s of what runs now, and three times 30 s, two side by side.
    assert forecast([running, running, done], 3, 100.0) == (20 + 20 + 90) / 2
    assert forecast([running], 3, 100.0) is None
    assert [in_time(s) for s in (40, 720, 9000)] == ["40 s", "12 min", "2.5 h"]


def test_no_sweep(mtl):
    Path("empty").mkdir()
    assert mtl("status", "sweep=empty").err == "mtl: sweep=empty: no sweep.json in it\n"
    assert mtl("status", "sweep=nowhere").err == "mtl: sweep=nowhere: no such folder\n"
    assert "did you mean sweep=?" in mtl("status", "sweeep=x").err
