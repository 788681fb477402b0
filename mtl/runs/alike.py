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
        "checkpoint (the run's folder must lie where all machines see it)": f"of step {step}",
        "samples of the training split": str(samples),
        "version of torch": torch.__version__,
        "version of mtl": __version__,
    }
    for what, mine in facts.items():
        said = all_say(what, mine)
        if len(set(said)) > 1:
            other = next(rank for rank, one in enumerate(said) if one != said[0])
            text = f"process 0 and process {other} have another {what}: {said[0]}, {said[other]}"
            raise UserError(text if is_first_process() else "")
