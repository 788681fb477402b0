"""Files that are written whole or not at all."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from mtl.errors import BadFile


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there in one step; its folder is made if needed."""
    write_all({path: content})


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write several files, all or none: what can fail is done before the first one is in place."""
    parts = {path: path.with_name(f"{path.name}.part") for path in contents}
    try:
        for path, part in parts.items():
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(contents[path])
        for path, part in parts.items():
            part.replace(path)
    except BaseException:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise


@contextmanager
def whole_text(path: Path) -> Iterator[TextIO]:
    """A file to write text to bit by bit, which is in its place when all is written, or never."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any, indent: int | None = 2) -> None:
    """Write plain values; what JSON has no word for is written as text.

    Bytes of file names that are not UTF-8 become the replacement mark.

    Args:
        path: of the file.
        content: plain values.
        indent: None for one line, where there are more numbers than anybody reads.
    """
    text = json.dumps(content, indent=indent, ensure_ascii=False, default=str)
    write_whole(path, printable(f"{text}\n").encode())


def printable(text: str) -> str:
    """Text that can be printed and written: a file name may hold bytes that are not UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_json(path: Path) -> dict[str, Any]:
    """The content, or an empty dict where there is no file.

    Raises:
        BadFile: it holds no JSON object.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
    except (ValueError, OSError, RecursionError) as error:
        raise BadFile(path, f"can't be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise BadFile(path, "holds no JSON object")
    return content
