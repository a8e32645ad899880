"""The entries of a tar, by their headers: ustar, GNU and pax, as POSIX.1-2001 and GNU tar write them.

Only headers are read, each at its place. A tar comes from anywhere: what it says of itself is bounded before it is
believed, names that lead out of it are left out, and nothing is ever written by them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

#: What is said of a tar without its end mark, or whose last entry is not whole.
EARLY: Final = "it ends early, and what follows is not known"
#: Bytes of a header, and what content is rounded up to.
BLOCK: Final = 512
#: Entries of one tar: shards of data sets have some 10,000. Some 200 MB of memory.
MAX_MEMBERS: Final = 1_000_000
#: Bytes of a name, and of what a pax header says of one entry.
_LONGEST_NAME: Final = 4_096
_LONGEST_PAX: Final = 1 << 20
#: No tar is larger.
_MOST: Final = 1 << 50

_REGULAR: Final = frozenset({b"0", b"\0", b"7"})
#: Entries behind whose header nothing stands, whatever size it says: links, devices, folders, pipes.
_BARE: Final = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})

ReadAt = Callable[[int, int], bytes]
"""At most so many bytes (the second) from an offset (the first) on; fewer only at the end."""


class Member(NamedTuple):
    """A regular file in a tar. `start`: the offset of its content; `mtime_ns`: when it changed, as the tar says."""

    start: int
    size: int
    mtime_ns: int


@dataclass(slots=True)
class Members:
    """What a tar holds, by name: of several of one name the last. `skipped`: entries that are no files of it (links,
    devices, sparse files, names that lead out of it), the first of them by name; `fault`: why there may be more, as
    part of a sentence, "" where this is all."""

    files: dict[bytes, Member] = field(default_factory=dict)
    skipped: int = 0
    first_skipped: str = ""
    fault: str = ""


class _Header(NamedTuple):
    name: bytes
    size: int
    mtime: int
    kind: bytes
    block: bytes


@dataclass(slots=True)
class _Said:
    """What headers before an entry's own say of it; None where they do not."""

    name: bytes | None = None
    size: int | None = None
    mtime_ns: int | None = None
    sparse: bool = False


class _WrongError(Exception):
    """What stands there is no header that makes sense."""


def read_members(read_at: ReadAt, size: int) -> Members:
    """What a tar of `size` bytes holds, as far as it is whole. Raises what `read_at` raises."""
    found = Members()
    said, every = _Said(), _Said()
    at = 0
    while True:
        block = read_at(at, BLOCK)
        if len(block) < BLOCK:
            found.fault = EARLY
            return found
        if not any(block):
            return found
        try:
            header = _header(block)
            content = header.size if said.size is None else said.size
            start = at + BLOCK
            if header.kind == b"S":
                start = _behind_sparse_map(read_at, start, block)
            if header.kind in _BARE:
                content = 0
            if content > size - start:
                found.fault = EARLY
                return found
            if header.kind in (b"x", b"g", b"L", b"K"):
                data = _said_data(read_at, header.kind, start, header.size)
                _listen(every if header.kind == b"g" else said, header.kind, data)
                content = header.size
            else:
                _take(found, header, said, every, start, content)
                said = _Said()
        except _WrongError as error:
            found.fault = f"it is damaged from byte {at:,} on ({error})"
            return found
        if len(found.files) > MAX_MEMBERS:
            found.fault = f"it holds more than {MAX_MEMBERS:,} files; split it into smaller ones"
            return found
        at = start + -(-content // BLOCK) * BLOCK


def is_member(block: bytes, size: int) -> bool:
    """Whether these 512 bytes are the header of a regular file of `size` bytes (or of one whose pax header says so)."""
    try:
        header = _header(block)
    except _WrongError:
        return False
    return header.kind in _REGULAR and header.size in (size, 0)


def clean_name(name: bytes) -> bytes | None:
    """A name as the path of a member, without "./" and doubled slashes; None for one that leads out, or is none."""
    if name.startswith(b"/") or b"\0" in name or len(name) > _LONGEST_NAME:
        return None
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    return None if not parts or b".." in parts else b"/".join(parts)


def _take(found: Members, header: _Header, said: _Said, every: _Said, start: int, size: int) -> None:
    name = said.name or every.name or header.name
    if header.kind == b"5" or (header.kind == b"\0" and name.endswith(b"/")):
        return
    clean = clean_name(name)
    if header.kind not in _REGULAR or clean is None or said.sparse:
        found.skipped += 1
        found.first_skipped = found.first_skipped or name[:200].decode("utf-8", "replace")
        return
    times = (said.mtime_ns, every.mtime_ns, header.mtime * 10**9)
    found.files[clean] = Member(start, size, next(time for time in times if time is not None))


def _header(block: bytes) -> _Header:
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    if len(block) != BLOCK or _number(block[148:156]) != total:
        raise _WrongError("what stands there is no header")
    name = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else b""
    size = _number(block[124:136])
    if not 0 <= size <= _MOST:
        raise _WrongError("a size makes no sense")
    return _Header(prefix + b"/" + name if prefix else name, size, _number(block[136:148]), block[156:157], block)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    """Octal digits, or with the first bit set a number of base 256 (GNU)."""
    if field[0] & 0x80:
        number = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        return number - (1 << (8 * len(field) - 1)) if field[0] & 0x40 else number
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise _WrongError("a number is none")
    return int(digits or b"0", 8)


def _said_data(read_at: ReadAt, kind: bytes, start: int, size: int) -> bytes:
    most = _LONGEST_PAX if kind in (b"x", b"g") else _LONGEST_NAME + 1
    if size > most:
        raise _WrongError("what it says of an entry is too long")
    data = read_at(start, size)
    if len(data) < size:
        raise _WrongError("it ends there")
    return data


def _listen(said: _Said, kind: bytes, data: bytes) -> None:
    if kind == b"L":
        said.name = data.rstrip(b"\0")
    elif kind in (b"x", b"g"):
        for key, value in _records(data):
            if key == b"path":
                said.name = value
            elif key == b"size":
                said.size = _whole(value)
            elif key == b"mtime":
                said.mtime_ns = _nanoseconds(value)
            elif key.startswith(b"GNU.sparse."):
                said.sparse = True


def _records(data: bytes) -> list[tuple[bytes, bytes]]:
    """(key, value) of the records of a pax header, "LENGTH KEY=VALUE\\n" each."""
    found = []
    at = 0
    while at < len(data) and data[at : at + 1] != b"\0":
        digits = data[at : at + 20].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        record = data[at + len(digits) + 1 : at + length]
        key, equals, value = record.partition(b"=")
        if length <= len(digits) + 1 or at + length > len(data) or not equals or not value.endswith(b"\n"):
            raise _WrongError("what it says of an entry does not read")
        found.append((key, value[:-1]))
        at += length
    return found


def _whole(value: bytes) -> int:
    if not value.isdigit() or len(value) > 15 or int(value) > _MOST:
        raise _WrongError("a size makes no sense")
    return int(value)


def _nanoseconds(value: bytes) -> int:
    """Of a time in seconds with any number of decimals."""
    whole, _, rest = value.partition(b".")
    digits = whole.removeprefix(b"-")
    if not digits.isdigit() or len(digits) > 15 or (rest and not rest.isdigit()):
        raise _WrongError("a time is none")
    parts = int(rest[:9].ljust(9, b"0")) if rest else 0
    return -(int(digits) * 10**9 + parts) if whole.startswith(b"-") else int(digits) * 10**9 + parts


def _behind_sparse_map(read_at: ReadAt, start: int, block: bytes) -> int:
    """Where the content of an old GNU sparse file begins: further blocks of its map stand before it."""
    goes_on = block[482:483] not in (b"", b"\0")
    for _ in range(10_000):
        if not goes_on:
            return start
        more = read_at(start, BLOCK)
        if len(more) < BLOCK:
            raise _WrongError("it ends there")
        goes_on = more[504:505] != b"\0"
        start += BLOCK
    raise _WrongError("the map of a sparse file has no end")
