"""Reading a run's config.yaml as nothing but data, fast.

The runs of a sweep differ in a few lines. A file is therefore read node by node of its top level,
and a node's text that was read before is not read again.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from mtl.config.saved import refuse_bombs
from mtl.config.yaml_loader import LOADER
from mtl.errors import BadFile

MOST_BYTES = 1_000_000
"""More than any configuration has."""
TOP_LEVEL = re.compile(r"^(?=[^\s#-])", re.MULTILINE)


def read_plain_yaml(path: Path) -> dict[str, Any]:
    """Nested dicts and lists; nothing is resolved, imported or called.

    Returns:
        Its nodes are shared with other files of equal text, and not to be changed.

    Raises:
        BadFile: it can't be read, is no mapping, is huge, or has what a run never writes.
    """
    found: dict[str, Any] = {}
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadFile(path, "is larger than any run's configuration")
        for part in TOP_LEVEL.split(path.read_text()):
            found |= _node(part)
    except (yaml.YAMLError, OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadFile(path, f"can't be read ({' '.join(str(error).split())})") from error
    if not found:
        raise BadFile(path, "is empty")
    return found


@lru_cache(maxsize=4096)
def _node(text: str) -> dict[str, Any]:
    refuse_bombs(text)
    if "${" in text:
        raise yaml.YAMLError("has '${', which a run never writes")
    node = yaml.load(text, Loader=LOADER)
    if node is None:
        return {}
    if not isinstance(node, dict) or not all(isinstance(key, str) for key in node):
        raise yaml.YAMLError("is not the configuration of a run")
    return node
