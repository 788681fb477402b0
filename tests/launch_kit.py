"""What launchers leave in the environment of the processes that they start."""

import socket


def torchrun(rank: int, world: int) -> dict[str, str]:
    """Of one machine."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "GROUP_RANK": 0}
    numbers |= {"GROUP_WORLD_SIZE": 1}
    return {"TORCHELASTIC_RUN_ID": "none", **{name: str(n) for name, n in numbers.items()}}


def meeting_place() -> dict[str, str]:
    """A free port of this machine, the same for all processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
