"""Tables as people's programs write them: comma or tab separated, compressed, or parquet."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtl.data.sources.text_file import marked_encoding, read_bytes
from mtl.errors import BadFile, UserError

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".parquet")
Row = tuple[int, Sequence[str]]
"""The number of its last line in the file, and its cells."""
_SEPARATORS = ",;\t|"


def is_table(path: Path) -> bool:
    """Whether a file is called like a table."""
    return path.name.lower().endswith(tuple(s for s in TABLE_SUFFIXES if s != ".txt"))


def read_table(path: Path, within: str) -> tuple[list[str], Iterator[Row]]:
    """The names of the columns, and the rows one by one.

    Args:
        path: of the file.
        within: what separates the parts of a list in a cell; lists of a parquet file are joined
            by it.

    Raises:
        BadFile: it is no table, has no column names or one twice, or (while the rows are asked for)
            a row has more or fewer cells than there are names.
        UserError: it is a parquet file, and there is no pandas.
    """
    if path.suffix.lower() == ".parquet":
        header, rows = _parquet(path, within)
    else:
        header, rows = _text(path)
    # A name may go over several lines, of which a message has one.
    names = [" ".join(re.split(r"\s*[\r\n]\s*", name.strip())) for name in header]
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice or not any(names):
        what = f"two columns are called {twice[0]!r}" if any(twice) else "a column has no name"
        raise BadFile(path, f"{what}; the first line names the columns")
    return names, rows


def _text(path: Path) -> tuple[list[str], Iterator[Row]]:
    data = read_bytes(path)
    if path.suffix.lower() == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise BadFile(path, f"can't be unpacked ({error})") from None
    encoding = _encoding(path, data)
    first = _first_line(data, encoding)
    if not first.strip():
        raise BadFile(path, "is empty, or its first line, which names the columns, is")
    separator = max(_SEPARATORS, key=first.count)
    text = io.TextIOWrapper(io.BytesIO(data), encoding, newline="")
    reader = csv.reader(text, delimiter=separator)
    header = next(reader)

    def rows() -> Iterator[Row]:
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) == len(header):
                    yield reader.line_num, cells
                else:
                    raise BadFile(
                        path,
                        f"line {reader.line_num} has {len(cells)} cells, and the first line names "
                        f"{len(header)} columns",
                    )
        except csv.Error as error:
            raise BadFile(path, f"line {reader.line_num} can't be read ({error})") from None

    return header, rows()


def _encoding(path: Path, data: bytes) -> str:
    marked = marked_encoding(data)
    for encoding in [marked] if marked else ["utf-8", "cp1252"]:
        try:
            data.decode(encoding)
        except UnicodeError:
            continue
        return encoding
    raise BadFile(path, f"is no text in {marked or 'UTF-8'}; save it as UTF-8")


def _first_line(data: bytes, encoding: str) -> str:
    with io.TextIOWrapper(io.BytesIO(data), encoding) as text:
        return text.readline()


def _parquet(path: Path, within: str) -> tuple[list[str], Iterator[Row]]:
    try:
        import pandas
    except ImportError:
        raise UserError(
            f"{path}: parquet files are read by pandas and pyarrow, which aren't installed: pip "
            "install pandas pyarrow, or save the table as .csv"
        ) from None
    try:
        # Else whole numbers become floats where one is missing, and 3 the class "3.0".
        frame = pandas.read_parquet(path, dtype_backend="numpy_nullable")
    except FileNotFoundError:
        raise BadFile(path, "does not exist") from None
    except Exception as error:  # pandas and pyarrow raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadFile(path, f"can't be read as parquet ({reason})") from None
    rows = enumerate(frame.itertuples(index=False, name=None), 1)
    return list(map(str, frame.columns)), ((n, [_cell(v, within) for v in row]) for n, row in rows)


def _cell(value: Any, within: str) -> str:
    if isinstance(value, str):
        return value
    if hasattr(value, "__len__"):
        return within.join(map(str, value)) or within
    return "" if value is None or str(value) in ("nan", "NaT", "<NA>") else str(value)
