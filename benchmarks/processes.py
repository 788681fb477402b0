"""A process and all that it started, as the system sees them."""

from pathlib import Path


def tree(root: int) -> list[int]:
    """A process and all that it started and that are still there."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := parent_of(int(entry.name))) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def parent_of(pid: int) -> int | None:
    """The process that started it; None where it is gone."""
    try:
        # The name stands in brackets and may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1])


def memory_of(pid: int) -> int:
    """Bytes of a process: its share of shared pages where the system tells, else resident ones."""
    if has_pss(pid):
        return 1024 * number(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")
    return 1024 * number(Path(f"/proc/{pid}/status"), "VmRSS:")


def threads_of(pid: int) -> int:
    """Threads of a process."""
    return number(Path(f"/proc/{pid}/status"), "Threads:")


def has_pss(pid: int) -> bool:
    """Whether the system tells a process's share of shared pages."""
    return Path(f"/proc/{pid}/smaps_rollup").exists()


def number(file: Path, key: str) -> int:
    """The number behind a key in one of the system's files; 0 where the process is gone."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(key))
