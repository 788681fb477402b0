"""What Lightning refuses, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from lightning_fabric.utilities.exceptions import MisconfigurationException

from mtl.errors import UserError


@contextmanager
def refusals() -> Iterator[None]:
    """For loops over the data, of whose length Lightning knows nothing before.

    Raises:
        UserError: a part of too few batches, such as ``trainer.limit_val_batches=0.5`` of one, or a
            ``trainer.val_check_interval`` of more batches than there are; or one of Lightning's own
            callbacks follows what no validation finds.
    """
    try:
        yield
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        of_callback = _origin(error).startswith("pytorch_lightning.callbacks.")
        if not (of_callback if isinstance(error, RuntimeError) else raised_by_lightning(error)):
            raise
        raise UserError(f"trainer: {' '.join(str(error).split())}") from error


def raised_by_lightning(error: Exception) -> bool:
    """Whether it was Lightning that refused something (SLURM's variables, a plugin), not torch."""
    return _origin(error).startswith(("lightning_fabric.", "pytorch_lightning."))


def _origin(error: Exception) -> str:
    """The module that raised it."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return str(frame.f_globals["__name__"])
