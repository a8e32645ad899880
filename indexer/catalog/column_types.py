"""Types of columns that take whatever a file brings: names that are no text, numbers that do not fit."""

from __future__ import annotations

import math
import os
from typing import Any

from sqlalchemy import Dialect, Float, Integer, LargeBinary, Text, TypeDecorator

from indexer.errors import StoreDamagedError
from indexer.types import in_64_bits


def path_bytes(path: str) -> bytes:
    """A path as a database has it."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:  # a lone surrogate: no file is called so, and none is found by it
        return path.encode("utf-8", "surrogatepass")


class PathType(TypeDecorator[str]):
    """A path: `str` with surrogate escapes in Python, the file system's own bytes in the database.

    Bytes, because a name need not be valid UTF-8, and because they sort the way a scan walks.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else path_bytes(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        try:
            return None if value is None else os.fsdecode(value)
        except TypeError as error:
            raise StoreDamagedError("A path in the catalog is no path; `repair()` mends it.") from error


class FitText(TypeDecorator[str]):
    """Text from files, without lone surrogates: UTF-8 has no form for them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or value.isascii():
            return value
        return value.encode("utf-8", "replace").decode("utf-8")

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        if value is None or isinstance(value, str):
            return value
        raise StoreDamagedError("A text in the catalog is no text; `repair()` mends it.")


class FitInteger(TypeDecorator[int]):
    """A whole number from a file, plain and of 64 bits (`in_64_bits`)."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else in_64_bits(int(value))


class FitFloat(TypeDecorator[float]):
    """A number from a file, plain; none in the place of what is no number or has no end."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        if value is None or not math.isfinite(value):
            return None
        return float(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:
        """Also of what is read: SQLite keeps infinity, which JSON does not have."""
        return value if isinstance(value, float | int) and math.isfinite(value) else None
