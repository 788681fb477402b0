"""Which of several processes of one run this is, before a Trainer knows."""

import os
from dataclasses import dataclass

BY_HAND = ("bash", "interactive")
"""Names of SLURM jobs in which Lightning, too, takes processes for the user's own."""


@dataclass(frozen=True)
class Launch:
    """What a launcher says that has started every process of a run.

    Args:
        by: its name.
        rank: of this process among all of them, from 0.
        world: how many there are.
        local: of this process among those of its machine, from 0.
        node: of its machine, from 0.
        nodes: how many machines there are.
    """

    by: str
    rank: int
    world: int
    local: int
    node: int
    nodes: int

    @property
    def each(self) -> int:
        """Processes of each machine."""
        return self.world // self.nodes


def launch() -> Launch | None:
    """By ``torchrun`` or ``srun``; None where this process began alone, or Lightning started it."""
    env = os.environ
    if "TORCHELASTIC_RUN_ID" in env:
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "GROUP_RANK", "GROUP_WORLD_SIZE")
        return Launch("torchrun", *(int(env[name]) for name in names))
    if "SLURM_STEP_NUM_TASKS" in env and env.get("SLURM_JOB_NAME") not in BY_HAND:
        names = ("PROCID", "STEP_NUM_TASKS", "LOCALID", "NODEID", "STEP_NUM_NODES")
        return Launch("srun", *(int(env[f"SLURM_{name}"]) for name in names))
    return None


def several() -> Launch | None:
    """The launch of a run of several processes; None of any other."""
    found = launch()
    return found if found is not None and found.world > 1 else None


def is_first_process() -> bool:
    """Whether this is the process that writes and speaks."""
    found = launch()
    if found is not None:
        return found.rank == 0
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"


def speaker() -> str:
    """What stands before an error that is not the first process's: ``process 2: ``."""
    if is_first_process():
        return ""
    found = launch()
    rank = os.environ.get("LOCAL_RANK", "?") if found is None else found.rank
    return f"process {rank}: "
