"""Options that every command takes."""

from collections.abc import Sequence
from pathlib import Path

from mtl.config.groups import folders
from mtl.config.nearest import nearest
from mtl.config.paths import allow_user_modules
from mtl.errors import UserError

CONFIG_DIR_FLAGS = ("--config-dir", "-cd")


def split_options(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Take ``--config-dir DIR`` out of the arguments, and let the user's modules be imported.

    Returns:
        The folder, or None, and the other arguments.

    Raises:
        UserError: the folder does not exist, or another flag is there.
    """
    allow_user_modules()
    config_dir: Path | None = None
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        flag, equals, value = argument.partition("=")
        if flag in CONFIG_DIR_FLAGS:
            if not equals:
                value = next(waiting, "")
            if not value:
                raise UserError(f"{flag} needs a folder")
            config_dir = Path(value).expanduser()
        elif argument.startswith("-"):
            raise unknown_flag(argument, CONFIG_DIR_FLAGS)
        else:
            rest.append(argument)
    folders(config_dir)
    return config_dir, rest


def unknown_flag(flag: str, known: Sequence[str]) -> UserError:
    """What to say about an option that does not exist."""
    near = nearest(flag.partition("=")[0], known)
    hint = f"; did you mean {near[0]}?" if near else "; see --help"
    return UserError(f"no option {flag}{hint}")
