"""Tables in Parquet, by pyarrow: a row group a batch, so that neither a writer nor a reader needs more than one."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from indexer.errors import UsageError
from search.exchange.batches import Row
from search.exchange.npy_file import sync

if TYPE_CHECKING:
    import pyarrow

#: The extra that installs pyarrow, and what it asks for.
PACKAGE: Final = "pyarrow>=17"
#: The columns of an item: its name, pyarrow's name of its type, and its value.
_COLUMNS: Final[tuple[tuple[str, str, Callable[[Row], Any]], ...]] = (
    ("id", "int64", lambda row: row.id),
    ("kind", "string", lambda row: row.kind),
    ("path", "string", lambda row: shown(row.path)),
    ("path_bytes", "binary", lambda row: None if is_text(row.path) else os.fsencode(row.path)),
    ("source", "string", lambda row: shown(row.source)),
    ("digest", "string", lambda row: row.digest),
    ("text", "string", lambda row: shown(row.text)),
    ("captions", "strings", lambda row: [shown(each) for each in row.captions]),
    ("date", "seconds", lambda row: row.date),
    ("date_from", "string", lambda row: row.date_from),
    ("camera", "string", lambda row: shown(row.camera)),
    ("lens", "string", lambda row: shown(row.lens)),
    ("latitude", "float64", lambda row: row.latitude),
    ("longitude", "float64", lambda row: row.longitude),
    ("city", "string", lambda row: row.city),
    ("region", "string", lambda row: row.region),
    ("country", "string", lambda row: row.country),
    ("width", "int64", lambda row: row.width),
    ("height", "int64", lambda row: row.height),
    ("type", "string", lambda row: row.type),
    ("size", "int64", lambda row: row.size),
)
NAMES: Final = tuple(name for name, _, _ in _COLUMNS)
#: Columns behind those of an item.
VECTOR: Final = "vector"
TOKENS: Final = "tokens"


def check_installed(what: str) -> None:
    """Raises UsageError where pyarrow is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError(
            f"An export as {what} needs a package that is not here; `pip install '{PACKAGE}'` installs it, and "
            "`format='npy'` needs none."
        )


def fields(names: Sequence[str] = NAMES) -> list[pyarrow.Field]:
    """Columns of items, in this order."""
    import pyarrow

    kinds: dict[str, Any] = {
        "strings": pyarrow.list_(pyarrow.string()),
        "seconds": pyarrow.timestamp("s"),
    }
    types = {name: kinds[kind] if kind in kinds else getattr(pyarrow, kind)() for name, kind, _ in _COLUMNS}
    return [pyarrow.field(name, types[name]) for name in names]


def columns(rows: Sequence[Row], names: Sequence[str] = NAMES) -> list[list[Any]]:
    """Their values."""
    values = {name: value for name, _, value in _COLUMNS}
    return [[values[name](row) for row in rows] for name in names]


class ParquetFile:
    """One file, written a row group at a time. Raises OSError."""

    def __init__(self, path: Path, schema: pyarrow.Schema) -> None:
        from pyarrow.parquet import ParquetWriter

        self._stream = path.open("xb")
        self._schema = schema
        self._writer = ParquetWriter(self._stream, schema, compression="zstd")

    def write(self, values: Sequence[Any]) -> None:
        """More rows: the values of each column, lists or arrays of pyarrow."""
        import pyarrow

        arrays = [
            value if isinstance(value, pyarrow.Array) else pyarrow.array(value, field.type)
            for value, field in zip(values, self._schema, strict=True)
        ]
        self._writer.write_table(pyarrow.Table.from_arrays(arrays, schema=self._schema), row_group_size=1 << 20)

    def finish(self) -> None:
        """It is whole, and on the disk."""
        self._writer.close()
        sync(self._stream)
        self._stream.close()

    def close(self) -> None:
        """Let go of it, whole or not."""
        with suppress(OSError, ValueError):  # of a full disk, and one that is closed
            self._writer.close()
        self._writer.is_open = False  # else it tries again when it is collected
        self._stream.close()


def is_text(text: str) -> bool:
    """Whether it can be written in UTF-8: a path may hold any bytes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def shown(text: str | None) -> str | None:
    """In UTF-8; bytes that are none as "\\ufffd"."""
    if text is None or is_text(text):
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if _escapes(text) else _plain(text)


def _escapes(text: str) -> bool:
    """Whether its surrogates stand for bytes, as `os.fsdecode` makes them."""
    return all("\udc80" <= each <= "\udcff" for each in text if "\ud800" <= each <= "\udfff")


def _plain(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= each <= "\udfff" else each for each in text)
