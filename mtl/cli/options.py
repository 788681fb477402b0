"""Options that every command takes."""

from collections.abc import Sequence
from pathlib import Path

from mtl.config.groups import folders
from mtl.config.nearest import nearest
from mtl.config.overrides import key_of
from mtl.config.paths import allow_user_modules
from mtl.errors import UserError

CONFIG_DIR_FLAGS = ("--config-dir", "-cd")


def split_options(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Take ``--config-dir DIR`` out of the arguments, and let the user's modules be imported.

    Returns:
        The folder, or None, and the other arguments.

    Raises:
        UserError: the folder does not exist, another flag is there, or a key is given twice.
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
    refuse_twice(rest)
    return config_dir, rest


def refuse_twice(arguments: Sequence[str]) -> None:
    """See that no key is given twice: which of them counts is not to be guessed.

    Raises:
        UserError: names both.
    """
    first: dict[str, str] = {}
    for argument in arguments:
        key = key_of(argument).lstrip("+~")
        if "=" in argument and key in first:
            raise UserError(f"{key} is given twice: {first[key]} and {argument}")
        first[key] = argument


def unknown_flag(flag: str, known: Sequence[str]) -> UserError:
    """What to say about an option that does not exist."""
    # Without dashes, in which all are alike.
    named = {option.lstrip("-"): option for option in known}
    near = nearest(flag.partition("=")[0].lstrip("-"), named)
    hint = f"; did you mean {named[near[0]]}?" if near else "; see --help"
    return UserError(f"no option {flag}{hint}")
