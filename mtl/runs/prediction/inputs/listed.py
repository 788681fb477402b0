"""``input=-``: files that another program lists."""

import os
import sys
from pathlib import Path

from mtl.errors import UserError

STDIN = "-"


def listed_files() -> list[Path]:
    """One file per line of the standard input, in its order; empty lines say nothing.

    A file that isn't there is no mistake yet: it is reported when its turn comes.

    Raises:
        UserError: no file is named.
    """
    # As bytes: names need not be UTF-8.
    lines = os.fsdecode(sys.stdin.buffer.read()).split("\n")
    found = [Path(line.removesuffix("\r")).expanduser() for line in lines if line.strip()]
    if not found:
        raise UserError("input=-: the standard input names no file; write one per line")
    return found
