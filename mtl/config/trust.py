"""Whose classes a run's configuration may name; nothing is imported to find out.

A run folder may come from a stranger. Its configuration may ask for classes of this package, for
torch's optimisers and Lightning's trainer, and for modules that the user names now.
"""

import importlib.machinery
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl.config.nearest import listing
from mtl.config.paths import PACKAGE
from mtl.errors import UserError

TARGET = re.compile(r"(^|\.)_target_(\W|$)")
PLACES = re.compile(
    r"(data|preprocess|augmentation|views|backbone|encoder|fusion|ensemble|init|weighting"
    r"|unfreezing|optimizer|scheduler|trainer|trainer\.\w+|trainer\.plugins\[\d+\]"
    r"|callbacks\.\w+|logger\.\w+|heads\.[^.]+|encoder\.backbones\[\d+\]|data\.sets\.[^.]+"
    r")\._target_"
)
"""Where classes are named."""
KINDS = re.compile(r"data\.(sets\.[^.]+\.)?targets\..+|heads\..+\.kind")
"""Where kinds of targets are named, by their class where they are the user's own."""
LIBRARIES = {
    "optimizer": re.compile(r"torch\.optim\.\w+"),
    "trainer": re.compile(r"pytorch_lightning\.Trainer"),
    "callbacks": re.compile(r"pytorch_lightning\.callbacks\.\w+"),
    "logger": re.compile(r"pytorch_lightning\.loggers\.\w+"),
}
"""What groups take from elsewhere."""
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True)
class Trust:
    """Whom the user trusts, for this command alone.

    Args:
        modules: names of modules; what lies in them is trusted too.
        folder: every module in it is trusted; None for no folder.
    """

    modules: Sequence[str] = ()
    folder: Path | None = None

    def covers(self, name: str) -> bool:
        """Whether a dotted name lies in a trusted module."""
        if any(name.startswith(f"{module}.") for module in self.modules):
            return True
        file = _file_of(name.rpartition(".")[0]) if self.folder is not None else None
        return file is not None and file.is_relative_to(Path(str(self.folder)).resolve())


def trusted_modules(given: str) -> tuple[str, ...]:
    """The modules that ``trust=`` names.

    Args:
        given: ``mine`` or ``[mine,other.part]``.

    Raises:
        UserError: these are no names of modules.
    """
    names = [part.strip() for part in given.removeprefix("[").removesuffix("]").split(",")]
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
            raise UserError(f"trust={given}: write names of modules, as in trust=[mine]")
    return tuple(names)


def refuse_resolvers(values: object, where: object) -> None:
    """See that nothing would be looked up: a run writes its configuration resolved.

    Args:
        values: as read, not resolved.
        where: the file.

    Raises:
        UserError: there is an interpolation.
    """
    for key, value in leaves(values):
        if "${" in key or (isinstance(value, str) and "${" in value):
            raise UserError(
                f"{where}: {key} holds '${{', which a run's configuration never does; write values"
            )


def refuse_strangers(values: Mapping[str, Any], trust: Trust) -> None:
    """See that every class that will be called is one of ours or one that the user trusts.

    Args:
        values: the whole configuration of a run.
        trust: whom the user trusts.

    Raises:
        UserError: names the key, and how to trust.
    """
    for key, name in leaves(values):
        if KINDS.fullmatch(key) and "." in str(name):
            _refuse_stranger(key, name, trust)
        if not TARGET.search(key):
            continue
        if not PLACES.fullmatch(key):
            raise UserError(f"{key}={name}: nothing is made there")
        _refuse_stranger(key, name, trust)


def _refuse_stranger(key: str, name: object, trust: Trust) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UserError(f"{key}={name}: is no name of a class")
    library = LIBRARIES.get(key.partition(".")[0])
    known = ours(name) or (library is not None and library.fullmatch(name) is not None)
    if not known and not trust.covers(name):
        top = name.partition(".")[0]
        hint = (
            "there is no such class in this package"
            if top == PACKAGE.name
            else "is not of this package; if you know who wrote it, "
            f"write trust=[{top}] or --config-dir with its folder"
        )
        also = f" (trusted: {listing(trust.modules)})" if trust.modules else ""
        raise UserError(f"{key}={name}: {hint}{also}")


def ours(name: str) -> bool:
    """Whether a module of this package itself defines what a dotted name says."""
    module, _, leaf = name.rpartition(".")
    top, *parts = module.split(".")
    file = PACKAGE.joinpath(*parts).with_suffix(".py")
    if top != PACKAGE.name or not parts or not file.is_file():
        return False
    return re.search(rf"^(class|def) {leaf}\b", file.read_text(), re.MULTILINE) is not None


def leaves(node: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every single value, and what is empty, by its key, ``a.b[0].c``."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(node, list) and node:
        for place, value in enumerate(node):
            yield from leaves(value, f"{prefix}[{place}]")
    else:
        yield prefix, node


def _file_of(module: str) -> Path | None:
    """Where a module lies, without importing it or the packages around it."""
    top, *parts = module.split(".")
    spec = importlib.machinery.PathFinder.find_spec(top)
    if spec is None:
        return None
    found = [Path(folder) for folder in spec.submodule_search_locations or []]
    found = found or [Path(str(spec.origin))]
    for part in parts:
        inside = [p for folder in found for p in (folder / part, folder / f"{part}.py")]
        found = [path for path in inside if path.exists()]
    return found[0].resolve() if found else None
