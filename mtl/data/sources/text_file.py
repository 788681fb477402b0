"""Text files as people's editors write them."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

from mtl.errors import BadFile

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']""")
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "latin-1": "cp1252"}
"""What is meant in practice by some declared encodings: their supersets."""


def read_bytes(path: Path) -> bytes:
    """A file's content.

    Raises:
        BadFile: it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(path, f"can't be read ({error.strerror or error})") from None


def marked_encoding(data: bytes) -> str | None:
    """The encoding that a byte order mark, or zeros between the letters, give away."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    if data[:1] and data[1:2] == b"\0":
        return "utf-16-le"
    if data[:1] == b"\0" and data[1:2]:
        return "utf-16-be"
    return None


def readings(data: bytes) -> list[str]:
    """What a text without declaration may say, the likeliest first.

    A byte order mark decides; else UTF-8 does where it fits. Else the bytes are either names as
    the file system keeps them, Windows' Western letters, or Chinese.
    """
    encoding = marked_encoding(data)
    if encoding is not None:
        return _tried(data, encoding)
    plain = _tried(data, "utf-8")
    return plain or [os.fsdecode(data), *_tried(data, "cp1252"), *_tried(data, "gb18030")]


def likeliest(path: Path) -> str:
    """A text without declaration, in its likeliest reading; see ``readings``.

    Raises:
        BadFile: it can't be read, or is in no encoding that is known.
    """
    found = readings(read_bytes(path))
    if not found:
        raise BadFile(path, "is text in an unknown encoding; save it as UTF-8")
    return found[0]


def lines(text: str) -> list[str]:
    """The lines that are not blank, without surrounding spaces; CR, LF and CRLF all end one."""
    return [line.strip() for line in re.split(r"\r\n|\r|\n", text) if line.strip("\0 \t")]


def xml_text(path: Path) -> str:
    """An XML file's content in the encoding that it declares.

    Raises:
        BadFile: it can't be read, names an encoding that does not exist, or is in another one.
    """
    data = read_bytes(path)
    declared = _DECLARED.match(data)
    said = declared[1].decode("ascii", "replace") if declared else "utf-8"
    # A declaration that can be read as ASCII is not in UTF-16, whatever it says.
    narrow = said.lower().replace("_", "-").startswith(("utf-16", "utf-32", "ucs-2", "unicode"))
    encoding = marked_encoding(data) or ("utf-8" if narrow else said)
    try:
        encoding = codecs.lookup(encoding).name
        return data.decode(_WIDER.get(encoding, encoding))
    except LookupError:
        raise BadFile(path, f"unknown encoding {said}") from None
    except UnicodeError:
        hint = "" if declared else "; name its encoding in the first line, <?xml ...?>"
        raise BadFile(path, f"is not text in the encoding {said}{hint}") from None


def _tried(data: bytes, encoding: str) -> list[str]:
    try:
        return [data.decode(encoding)]
    except UnicodeError:
        return []
