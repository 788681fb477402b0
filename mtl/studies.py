"""Optuna's storage of a search."""

from optuna.storages import RDBStorage
from sqlalchemy.pool import NullPool


def opened(storage: str) -> RDBStorage:
    """A storage whose database is closed again after each look.

    Optuna would keep one connection for each time that a study is loaded, as after every epoch of
    a training that may be pruned, until Python collects its garbage.

    Args:
        storage: as Optuna names it: ``sqlite:///FILE``.

    Raises:
        SQLAlchemyError: it can't be read.
    """
    return RDBStorage(storage, engine_kwargs={"poolclass": NullPool})
