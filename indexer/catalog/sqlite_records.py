"""Rows as a SQLite file keeps them. Format: https://www.sqlite.org/fileformat2.html#record_format"""

from __future__ import annotations

import struct
from typing import Final

Value = int | float | str | bytes | None

#: Bytes of whole numbers, by their code; the codes above are text and bytes.
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_FLOAT, _ZERO, _ONE, _FIRST_BYTES = 7, 8, 9, 12


class DamagedRecordError(Exception):
    """Bytes that are no row."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to nine bytes, unsigned, and where it ends. Raises DamagedRecordError."""
    number = 0
    for length in range(9):
        if at + length >= len(data) or at < 0:
            raise DamagedRecordError
        byte = data[at + length]
        if length == 8:
            return number << 8 | byte, at + 9
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + length + 1
    raise AssertionError


def integer(data: bytes) -> int:
    """A whole number with a sign."""
    return int.from_bytes(data, "big", signed=True)


def record(payload: bytes) -> list[Value]:
    """The values of a row. Raises DamagedRecordError."""
    end, at = varint(payload, 0)
    if end > len(payload):
        raise DamagedRecordError
    codes: list[int] = []
    while at < end:
        code, at = varint(payload, at)
        codes.append(code)
    if at != end:
        raise DamagedRecordError
    values: list[Value] = []
    for code in codes:
        value, at = _value(payload, at, code)
        values.append(value)
    if at != len(payload):
        raise DamagedRecordError
    return values


def _value(payload: bytes, at: int, code: int) -> tuple[Value, int]:
    if code == 0:
        return None, at
    if code in (_ZERO, _ONE):
        return code - _ZERO, at
    if code == _FLOAT:
        size = 8
    elif code in _INTEGERS:
        size = _INTEGERS[code]
    elif code >= _FIRST_BYTES:
        size = (code - _FIRST_BYTES) // 2
    else:
        raise DamagedRecordError
    data = payload[at : at + size]
    if len(data) != size:
        raise DamagedRecordError
    if code == _FLOAT:
        (number,) = struct.unpack(">d", data)
        return float(number), at + size
    if code in _INTEGERS:
        return integer(data), at + size
    if code % 2 == 0:
        return data, at + size
    try:
        return data.decode(), at + size
    except UnicodeDecodeError as error:
        raise DamagedRecordError from error
