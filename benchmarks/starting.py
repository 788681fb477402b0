"""Starting on large sets: seconds of the first and of any other start, memory of a reader."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.results import Entry, rounded
from benchmarks.surroundings import surroundings

READ = 2000
"""Samples that are read in a process of their own."""
SECOND, WORKER = 5.0, 500.0
"""Seconds of any start but the first; MB of a process that reads samples."""
CHILD = """
import json, sys, time
from pathlib import Path
from benchmarks.processes import number
{imports}

def resident():
    return number(Path("/proc/self/status"), "VmRSS:") / 1000

folder, count = sys.argv[1], int(sys.argv[2])
imported, start = resident(), time.perf_counter()
data = {data}
data.prepare()
source = data.split("train")
seconds = time.perf_counter() - start
for row in range(count):
    source.annotations(row)
told = {{"seconds": seconds, "cpu_seconds": time.process_time(), "mb": resident() - imported}}
print(json.dumps(told | {{"samples": len(source)}}))
"""
"""A process that has inherited nothing: all that it holds is its own."""


def starts(
    name: str, what: str, first: float, generate: Callable[[Path], None], imports: str, data: str
) -> dict[str, Entry]:
    """Entries of a set that is made for it.

    Args:
        name: before the slash in each entry's name.
        what: the set in words.
        first: seconds that the first start may take.
        generate: writes it into a folder.
        imports: a line of Python.
        data: an expression that makes the data set of ``folder``.
    """
    code = CHILD.format(imports=imports, data=data)
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        cold, warm = _start(code, folder, 0), _start(code, folder, READ)
    measured = {
        "first": (cold["seconds"], first, f"seconds of the first start on {what}"),
        "second": (warm["seconds"], SECOND, "seconds of the second start on them"),
        "worker": (
            warm["mb"],
            WORKER,
            f"MB beyond the import of a process that reads {READ:,} of them",
        ),
    }
    return {
        f"{name}/{key}": Entry(
            rounded(number / goal),
            1,
            "lower",
            f"{said}, over {goal:g}",
            {"measured": rounded(number), "starts": [cold, warm], **surroundings()},
        )
        for key, (number, goal, said) in measured.items()
    }


def _start(code: str, folder: str, read: int) -> dict[str, Any]:
    command = [sys.executable, "-c", code, folder, str(read)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
