"""What a Parquet file says: names of photographs, and a text about each. A row a photograph.

Of a column only the distinct values are held, and no more than so much of them. How large it is said to be is not
asked: of a damaged file, pyarrow 26 ends the process then.

Imports pyarrow at the top; import this module only where a table is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

#: What the columns are called, letter case aside: the first that a table has.
NAME_COLUMNS: Final = ("path", "file", "file_name", "filename", "filepath", "image", "image_path", "url", "uri", "key")
TEXT_COLUMNS: Final = ("caption", "captions", "text", "title")

#: Rows of one table, and characters of its names and texts.
MAX_ROWS: Final = 2_000_000
_MOST: Final = 1 << 30
_ROWS_AT_ONCE: Final = 10_000
_LONGEST_NAME: Final = 4_096
_LONGEST_TEXT: Final = 1_000_000


@dataclass(slots=True)
class Rows:
    """`names`: of its photographs, each once, as they stand there; `texts`: (name, text) of the rows that have one;
    `fault`: why this is not all, as part of a sentence, "" where it is."""

    names: list[str] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    has_texts: bool = False
    fault: str = ""


def read_rows(stream: BinaryIO, *, texts: bool) -> Rows:
    """The rows of a table; `texts`: those too. Raises nothing for one that does not read: `fault` says why."""
    rows = Rows()
    try:
        _read(stream, rows, wants_texts=texts)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # pages that do not read are OSErrors
        said = (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        rows.fault = f"it is no Parquet file that reads ({said})"
    return rows


def _read(stream: BinaryIO, rows: Rows, *, wants_texts: bool) -> None:
    table = pq.ParquetFile(stream)
    schema = table.schema_arrow
    of_name, of_text = _column(schema, NAME_COLUMNS), _column(schema, TEXT_COLUMNS)
    if of_name is None:
        rows.fault = f"it has no column of names ({', '.join(NAME_COLUMNS)}); call one so"
        return
    rows.has_texts = of_text is not None
    if table.metadata.num_rows > MAX_ROWS:
        rows.fault = f"it has more than {MAX_ROWS:,} rows; split it into several"
        return
    wanted = [of_name, *([of_text] if wants_texts and of_text is not None else [])]
    stream.seek(0)
    held = pq.ParquetFile(stream, read_dictionary=wanted)  # a value that is repeated a million times is held once
    seen: dict[str, None] = {}
    size = 0
    for batch in held.iter_batches(batch_size=_ROWS_AT_ONCE, columns=wanted):
        columns = [_values(batch.column(batch.schema.get_field_index(name))) for name in wanted]
        for row in zip(*columns, strict=True):
            if not row[0] or len(row[0]) > _LONGEST_NAME:
                continue
            if row[0] not in seen:
                seen[row[0]] = None
                size += len(row[0])
            if len(row) > 1 and row[1] and len(row[1]) <= _LONGEST_TEXT:
                rows.texts.append((row[0], row[1]))
                size += len(row[1])
        if size > _MOST:
            rows.texts.clear()
            rows.fault = f"its names and texts have more than {_MOST:,} characters; split it into several"
            return
    rows.names = list(seen)


def _column(schema: Any, names: tuple[str, ...]) -> str | None:
    """The first of `names` that is a column of texts."""
    by_name = {each.name.casefold(): each for each in schema}
    found = (by_name[name] for name in names if name in by_name)
    return next((each.name for each in found if _is_text(each.type)), None)


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _values(column: Any) -> Iterator[str | None]:
    """The texts of a column of a batch, a repeated one as one object. Raises ArrowException for damaged ones."""
    column.validate(full=True)
    if not isinstance(column, pa.DictionaryArray):
        return iter(column.to_pylist())
    values = column.dictionary.to_pylist()
    return (None if at is None else values[at] for at in column.indices.to_pylist())
