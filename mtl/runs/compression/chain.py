"""Which step may follow which."""

from collections.abc import Mapping
from itertools import combinations

from mtl.errors import UserError
from mtl.runs.compression.base import Step


def check_chain(steps: Mapping[str, Step]) -> None:
    """See that each step can start from what those before it leave, and leaves it to them.

    Args:
        steps: name to step, in order.

    Raises:
        UserError: one can't, or doesn't; says which order would do.
    """
    written = f"steps=[{','.join(steps)}]"
    for (before, first), (after, then) in combinations(steps.items(), 2):
        if then.starts_anew:
            raise UserError(
                f"{written}: {after} trains a new network, from the start; name it first"
            )
        if first.makes_file:
            raise UserError(
                f"{written}: {before} makes a file, and {after} starts from a network; name "
                f"{before} last"
            )
        if first.makes_zeros and then.trains:
            raise UserError(
                f"{written}: training in {after} would fill what {before} sets to 0; name "
                f"{before} after it"
            )
