"""A large JSON object, item by item, with the bytes that each is in."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mtl.data.sources.text_file import marked_encoding, read_bytes
from mtl.errors import BadFile

_SPACE = re.compile(r"[ \t\n\r]*")
_NEXT = re.compile(r"[ \t\n\r]*([,\]])[ \t\n\r]*")
"""Between a list's items, and behind the last."""


class JsonItem(NamedTuple):
    """A value of the object, or an item of a list that is one.

    Args:
        key: of the value.
        value: as Python has it; None stands for the beginning of a list.
        start: its first byte in the file.
        end: behind its last.
    """

    key: str
    value: Any
    start: int
    end: int


def json_items(path: Path) -> Iterator[JsonItem]:
    """Go through a JSON object; of its lists every item comes by itself, so that none adds up.

    Raises:
        BadFile: the file can't be read, or is no whole JSON object in UTF-8.
    """
    data = read_bytes(path)
    encoding = marked_encoding(data)
    if encoding not in (None, "utf-8-sig"):
        raise BadFile(path, f"is in {encoding}; save it as UTF-8")
    first = len(codecs.BOM_UTF8) if encoding else 0
    # A character for each byte, so that places in the text are places in the file. What JSON is
    # made of is ASCII; names that aren't are read once more.
    text = data.decode("latin-1")
    del data
    try:
        yield from _items(path, text, first)
    except IndexError:
        raise BadFile(path, "ends in the middle of its JSON; it is cut off") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            raise BadFile(path, "ends in the middle of its JSON; it is cut off") from None
        raise BadFile(path, f"is no JSON: {error.msg} at character {error.pos:,}") from None
    except UnicodeDecodeError:
        raise BadFile(path, "is not text in UTF-8") from None
    except RecursionError:
        raise BadFile(path, "is no JSON that can be read: lists in lists without end") from None


def _items(path: Path, text: str, first: int) -> Iterator[JsonItem]:
    scan = json.JSONDecoder().raw_decode
    between, plain = _NEXT.match, text.isascii()

    def behind(place: int) -> int:
        """The next place that is not blank."""
        return _SPACE.match(text, place).end()  # type: ignore[union-attr]

    def value(place: int) -> tuple[Any, int]:
        found, end = scan(text, place)
        if not plain and not (part := text[place:end]).isascii():
            found = json.loads(part.encode("latin-1").decode())
        return found, end

    place = behind(first)
    if text[place] != "{":
        what = "is a list and not" if text[place] == "[" else "is no JSON, which is to be"
        raise BadFile(path, f"{what} an object of lists")
    place = behind(place + 1)
    done = text[place] == "}"
    while not done:
        key, place = value(place)
        place = behind(place)
        if not isinstance(key, str) or text[place] != ":":
            raise json.JSONDecodeError("no key", text, place)
        place = behind(place + 1)
        if text[place] == "[":
            yield JsonItem(key, None, place, place)
            place = behind(place + 1)
            over = text[place] == "]"
            place += over
            while not over:
                found, end = value(place)
                yield JsonItem(key, found, place, end)
                mark = between(text, end)
                if mark is None:
                    place = behind(end)
                    text[place]  # or the file ends here
                    raise json.JSONDecodeError("neither , nor ]", text, place)
                place, over = mark.end(), mark[1] == "]"
        else:
            found, end = value(place)
            yield JsonItem(key, found, place, end)
            place = end
        place = behind(place)
        if text[place] not in ",}":
            raise json.JSONDecodeError("neither , nor }", text, place)
        place, done = behind(place + 1), text[place] == "}"
