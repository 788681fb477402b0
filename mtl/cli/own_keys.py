"""A command's own ``key=value`` arguments, beside the configuration's."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from mtl.cli.named_runs import BY_KEY
from mtl.config.groups import groups, short_keys
from mtl.config.nearest import SURE, listing, nearest
from mtl.config.overrides import key_of
from mtl.config.trust import trusted_modules
from mtl.errors import UserError


def own_keys(arguments: Sequence[str], keys: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Take out what a command reads itself.

    Args:
        arguments: of the command.
        keys: its own.

    Returns:
        Its own values by key, the last one counting, and the other arguments in their order. Runs
        that are named by one of their files are named by their folders.
    """
    own = {key_of(a): a.partition("=")[2] for a in arguments if _is_own(a, keys)}
    for key in own.keys() & BY_KEY.keys():
        own[key] = BY_KEY[key](own[key])
    return own, [a for a in arguments if not _is_own(a, keys)]


def trust_of(own: Mapping[str, str]) -> tuple[str, ...]:
    """The modules that ``trust=`` names, none where it isn't there.

    Raises:
        UserError: they are no names of modules.
    """
    return trusted_modules(own["trust"]) if "trust" in own else ()


def one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    """Complain unless a value is allowed.

    Raises:
        UserError: it is not.
    """
    if value not in allowed:
        raise UserError(f"{key}={value}: choose one of {listing(allowed)}")


def needed(key: str, example: str, others: Sequence[str], keys: Collection[str]) -> UserError:
    """What to say where a key is missing: that it was left out or misspelt, if it looks so.

    Args:
        key: which.
        example: how it is written.
        others: the other arguments.
        keys: the command's own.
    """
    for argument in others:
        if "=" not in argument and Path(argument).expanduser().exists():
            return UserError(f"'{argument}': write {key}={argument}")
        written = key_of(argument)
        for near in nearest(written, keys):
            return UserError(f"unknown key '{written}'; did you mean {near}=?")
    return UserError(f"{key}= is needed: write {example}")


def refuse_misspelt(others: Sequence[str], keys: Collection[str], config_dir: Path | None) -> None:
    """Complain of an argument that is no key of the configuration and looks like one of ours.

    Args:
        others: the arguments that are not the command's own.
        keys: the command's own.
        config_dir: a user's folder of further members.

    Raises:
        UserError: names the argument and the key.
    """
    known = {*short_keys(), *groups(config_dir)}
    for argument in others:
        written = key_of(argument)
        if "." not in written and written not in known:
            for near in nearest(written, keys, alike=SURE):
                raise UserError(f"unknown key '{written}'; did you mean {near}=?")


def whole_number(key: str, value: str) -> int:
    """A number of things.

    Raises:
        UserError: it is no whole number, or less than 1.
    """
    if not value.isdecimal() or int(value) < 1:
        raise UserError(f"{key}={value}: give a whole number, 1 or more")
    return int(value)


def place(own: Mapping[str, str], key: str, default: Path) -> Path:
    """A file or folder of a key's, ``~`` being the home folder."""
    return Path(own[key]).expanduser() if own.get(key) else default


def refuse_folder(key: str, given: str | None) -> None:
    """Complain where a file can't be written: it is a folder, or lies below a file.

    Args:
        key: of the file.
        given: its value, if any.

    Raises:
        UserError: it can't.
    """
    if given and Path(given).expanduser().is_dir():
        raise UserError(f"{key}={given} is a folder: give the name of a file")
    if given:
        _refuse_below_file(key, given, list(Path(given).expanduser().parents))


def refuse_file(key: str, given: str | None) -> None:
    """Complain where a folder can't be made: it is a file, or lies below one.

    Args:
        key: of the folder.
        given: its value, if any.

    Raises:
        UserError: it can't.
    """
    if given:
        path = Path(given).expanduser()
        _refuse_below_file(key, given, [path, *path.parents])


def _refuse_below_file(key: str, given: str, folders: Sequence[Path]) -> None:
    for folder in folders:
        if folder.is_file():
            what = (
                "is a file"
                if folder == Path(given).expanduser()
                else f"lies below {folder}, a file"
            )
            raise UserError(f"{key}={given} {what}: give a folder that can be made")


def _is_own(argument: str, keys: Collection[str]) -> bool:
    return "=" in argument and key_of(argument) in keys
