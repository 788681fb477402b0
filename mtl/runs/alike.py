"""Whether the processes of a run, which may be of several machines, see the same."""

import torch

from mtl import __version__
from mtl.errors import UserError
from mtl.processes import is_first_process
from mtl.runs.meeting import all_say


def check_alike(step: int | None, samples: int) -> None:
    """Compare what each process that a launcher has started has before it.

    Args:
        step: that its checkpoint is of; None where it sees none.
        samples: of the training split.

    Raises:
        UserError: two differ; of the first process alone, the others' message is empty.
    """
    facts = {
        "the same checkpoint (the run's folder must lie where all machines see it)": f"step {step}",
        "as many samples to train on": str(samples),
        "the same torch": torch.__version__,
        "the same mtl": __version__,
    }
    for what, mine in facts.items():
        said = all_say(what, mine)
        if len(set(said)) > 1:
            other = next(rank for rank, one in enumerate(said) if one != said[0])
            text = f"process 0 and process {other} don't have {what}: {said[0]} and {said[other]}"
            raise UserError(text if is_first_process() else "")
