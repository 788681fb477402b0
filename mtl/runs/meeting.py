"""What the processes of one run tell each other before a Trainer has brought them together.

They meet where torch's process group will meet. Of a run of one process, and of processes that
Lightning starts, which get the first one's command, there is nothing to agree on.
"""

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed import DistNetworkError, DistStoreError
from torch.distributed.rendezvous import rendezvous

from mtl.errors import RunError, UserError
from mtl.processes import Launch, several

PATIENCE = timedelta(minutes=10)
"""How long one waits for the others; ``in_turn`` waits for a download."""
DOWNLOAD = timedelta(hours=6)
_times: Counter[str] = Counter()


def first_says(what: str, mine: str) -> str:
    """What the first process says of something.

    Where ``torchrun`` starts all processes anew, since one has died, it is what was said before.

    Args:
        what: that is to be agreed on.
        mine: what this process would say.

    Raises:
        RunError: the first process doesn't come.
        UserError: the processes can't meet.
    """
    started = several()
    if started is None:
        return mine
    store = _store(started)
    if started.rank == 0:
        return store.compare_set(what, "", mine).decode()
    return _got(store, what)


def all_say(what: str, mine: str) -> list[str]:
    """What each process says of something, in their order.

    Args:
        what: that all of them are asked.
        mine: what this process says.

    Raises:
        RunError: another process doesn't come.
        UserError: the processes can't meet.
    """
    started = several()
    if started is None:
        return [mine]
    store, asked = _store(started), _asked(what)
    store.set(f"{asked}/{started.rank}", mine)
    return [_got(store, f"{asked}/{rank}") for rank in range(started.world)]


def in_turn(what: str, work: Callable[[], None]) -> None:
    """Do something in the first process of each machine, and then in its others.

    Args:
        what: its name.
        work: finds what the first has done.

    Raises:
        RunError: the first doesn't come to its end.
        UserError: the processes can't meet.
    """
    started = several()
    if started is None:
        work()
        return
    store, done = _store(started), f"{_asked(what)}/{started.node}"
    if started.local > 0:
        _got(store, done, DOWNLOAD)
    work()
    if started.local == 0:
        store.set(done, "done")


def _asked(what: str) -> str:
    """A name of its own for each time that something is asked, the same in all processes."""
    _times[what] += 1
    return f"{what}/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{_times[what]}"


def _got(store: Store, key: str, patience: timedelta = PATIENCE) -> str:
    try:
        store.wait([key], patience)
        return store.get(key).decode()
    except DistStoreError as error:
        raise RunError(
            f"another process of this run has not come within {patience}: do all machines run the "
            "same command?"
        ) from error
    except DistNetworkError as error:
        raise RunError("the first process of this run is gone") from error


@cache
def _store(started: Launch) -> Store:
    slurm = started.by == "srun"
    place = SLURMEnvironment() if slurm else TorchElasticEnvironment()
    address, port = place.main_address, place.main_port
    os.environ |= {"MASTER_ADDR": address, "MASTER_PORT": str(port)}
    try:
        store, *_ = next(iter(rendezvous("env://", started.rank, started.world, timeout=PATIENCE)))
    except (DistNetworkError, DistStoreError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"the processes can't meet at {address}:{port} ({reason}); another MASTER_PORT may help"
        ) from error
    return PrefixStore("mtl", store)
