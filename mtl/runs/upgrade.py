"""``mtl upgrade``: a run folder's configuration, as this version writes it."""

import itertools
from pathlib import Path

from omegaconf import OmegaConf

from mtl.config.saved import FILE, is_whole, read_values
from mtl.config.upgrade import upgraded
from mtl.errors import UserError
from mtl.files import write_whole


def upgrade(run: Path) -> tuple[list[str], Path | None]:
    """Write ``config.yaml`` anew where it is of an older version, and keep the old one.

    Args:
        run: the run's folder.

    Returns:
        What changed, a line each, and where the old one is; none of both for one of this version.

    Raises:
        UserError: there is no configuration of a run.
    """
    values, changes = upgraded(read_values(run))
    if not is_whole(values):
        raise UserError(f"{run / FILE}: is not the configuration of a run, or not all of it")
    if not changes:
        return [], None
    kept = _unused(run)
    write_whole(kept, (run / FILE).read_bytes())
    write_whole(run / FILE, OmegaConf.to_yaml(OmegaConf.create(values)).encode())
    return changes, kept


def _unused(run: Path) -> Path:
    further = (f"config.old{number}.yaml" for number in itertools.count(2))
    names = itertools.chain(["config.old.yaml"], further)
    return next(run / name for name in names if not (run / name).exists())
