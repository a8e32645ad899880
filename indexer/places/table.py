"""The packed table of places: one file, made by `tools/places`, of arrays behind a header of JSON.

    b"places 1\\n" | length of the header, 8 bytes, little-endian | header | arrays, each at a multiple of 8 bytes

The header says of each array its name, type, length and place, and the digest of what follows it. Rows are cities, the
largest first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from indexer.errors import UsageError
from indexer.misread import misread
from indexer.page_sums import digest

MAGIC: Final = b"places 1\n"
#: Bytes before the header: what kind of file it is, its digest, the length of the header.
_START: Final = len(MAGIC) + 32 + 8
#: The arrays, each of n cities where nothing else is said.
ARRAYS: Final[Mapping[str, str]] = {
    "ids": "<u4",  # of GeoNames
    "latitudes": "<f4",  # degrees
    "longitudes": "<f4",
    "populations": "<u4",
    "countries": "u1",  # index in the header's `countries`
    "regions": "<u2",  # in its `regions`, of which 0 is none
    "zones": "<u2",  # in its `zones`
    "larger": "<u4",  # the city that it is a part of, or lies at: its row; its own where there is none
    "name_ends": "<u4",  # where its name ends in `names`
    "names": "u1",  # UTF-8
    "name_index": "<u8",  # sorted entries (`names.py`), of cities
    "country_index": "<u8",  # of countries
    "region_index": "<u8",  # of regions
}


@dataclass(frozen=True, slots=True)
class Country:
    """`code`: ISO 3166-1, two letters; `name` in English."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Table:
    """The arrays of `ARRAYS` by their names, and the lists that they point into. `regions`: (name, code)."""

    arrays: Mapping[str, npt.NDArray[Any]]
    countries: tuple[Country, ...]
    regions: tuple[tuple[str, str], ...]
    zones: tuple[str, ...]

    def name(self, row: int) -> str:
        """The name of a city."""
        ends = self.arrays["name_ends"]
        start = int(ends[row - 1]) if row else 0
        return bytes(self.arrays["names"][start : int(ends[row])]).decode("utf-8")

    def __len__(self) -> int:
        return len(self.arrays["ids"])


def write_table(path: Path, table: Table, source: str) -> None:
    """Write the file; `source` says what it was made of."""
    body = bytearray()
    places = {}
    for name, kind in ARRAYS.items():
        array = np.ascontiguousarray(table.arrays[name], kind)
        body += b"\0" * (-len(body) % 8)
        places[name] = [len(body), len(array)]
        body += array.tobytes()
    header = {
        "source": source,
        "arrays": places,
        "countries": [[one.code, one.name] for one in table.countries],
        "regions": [list(one) for one in table.regions],
        "zones": list(table.zones),
    }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(_START + len(text)) % 8)
    signed = len(text).to_bytes(8, "little") + text + bytes(body)
    path.write_bytes(MAGIC + digest(np.frombuffer(signed, np.uint8)) + signed)


def read_table(path: Path) -> Table:
    """The table in a file. Raises UsageError where it is missing or not what was written."""
    try:
        data = path.read_bytes()
        signed = np.frombuffer(data, np.uint8, offset=len(MAGIC) + 32)
        if data[: len(MAGIC)] != MAGIC or data[len(MAGIC) : len(MAGIC) + 32] != digest(signed):
            raise ValueError("its digest is another")
        end = _START + int.from_bytes(data[_START - 8 : _START], "little")
        header = json.loads(data[_START:end].decode("utf-8"))
        arrays = {
            name: np.frombuffer(data, kind, header["arrays"][name][1], end + header["arrays"][name][0])
            for name, kind in ARRAYS.items()
        }
        countries = tuple(Country(*one) for one in header["countries"])
        return Table(arrays, countries, tuple((name, code) for name, code in header["regions"]), tuple(header["zones"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"The table of places {str(path)!r} cannot be read ({misread(error)}); install the package again."
        ) from error
