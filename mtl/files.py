"""Files that are written whole or not at all."""

import errno
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from mtl.errors import BadFile

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there in one step; its folder is made if needed."""
    write_all({path: content})


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write several files, all or none: what can fail is done before the first one is in place."""
    parts = {path: path.with_name(f"{path.name}.part") for path in contents}
    try:
        for path, part in parts.items():
            with named(path, len(contents[path])):
                part.parent.mkdir(parents=True, exist_ok=True)
                part.write_bytes(contents[path])
        for path, part in parts.items():
            with named(path):
                part.replace(path)
    except BaseException:
        for part in parts.values():
            _forget(part)
        raise


def _forget(part: Path) -> None:
    # Where nothing can be written nothing may be removed, which must not hide why.
    with suppress(OSError):
        part.unlink(missing_ok=True)


@contextmanager
def named(path: Path, size: int | None = None) -> Iterator[None]:
    """Let an error of the system say which file it is of; that of a write to an open one doesn't.

    Args:
        path: of the file, as a user knows it.
        size: of what is to be written, bytes.
    """
    try:
        yield
    except OSError as error:
        if error.filename in (None, str(path.with_name(f"{path.name}.part"))):
            error.filename = str(path)
        if error.errno in FULL and size is not None:
            error.add_note(f"{_megabytes(size)} needed")
        raise


def unwritable(error: OSError) -> str | None:
    """Which file can't be written, why, and what helps; None for an error of another kind."""
    what = error.filename or "a file"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{what}: {error.strerror}: see who may read and write there"
    if error.errno == errno.EROFS:
        return f"{what} can't be written ({error.strerror}): choose another folder"
    if error.errno not in FULL:
        return None
    about = [str(error.strerror), *getattr(error, "__notes__", ())]
    with suppress(OSError, TypeError):
        about.append(f"{_megabytes(shutil.disk_usage(Path(error.filename).parent).free)} free")
    return f"{what} can't be written, the disk is full ({', '.join(about)}): make room"


def _megabytes(size: int) -> str:
    number = size / 1e6
    return f"{number:,.0f} MB" if number >= 10 else f"{number:.2g} MB"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write what is to be moved to a file's place; nothing stays there if that fails."""
    part = path.with_name(f"{path.name}.part")
    try:
        with named(path):
            yield part
    except BaseException:
        _forget(part)
        raise


@contextmanager
def whole_text(path: Path) -> Iterator[TextIO]:
    """A file to write text to bit by bit, which is in its place when all is written, or never."""
    with replacing(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)


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


def shown(path: Path) -> Path:
    """A path as it is told: relative where it lies below the current folder."""
    here = Path.cwd()
    return path.relative_to(here) if here in path.parents else path


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
        text = path.read_text()
        content = json.loads(text)
    except OSError as error:
        raise BadFile(path, f"can't be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise BadFile(path, "is no text") from error
    except (ValueError, RecursionError) as error:
        why = f"can't be read as JSON ({error})" if text.strip() else "is empty"
        raise BadFile(path, why) from error
    if not isinstance(content, dict):
        raise BadFile(path, "holds no JSON object")
    return content
