"""A file as an answer: its bytes piece by piece, and the name under which a browser saves it."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from io import FileIO
from typing import Final, Protocol
from urllib.parse import quote

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_PIECE: Final = 1 << 18
#: Bytes of a name: all file systems take as many, and what a zip or a browser adds.
_LONGEST: Final = 200
#: What Windows cannot name a file (with any suffix).
_DEVICES: Final = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


class Streamed:
    """The pieces of an open file, which ends the answer, cut short, where it changes meanwhile, and is closed in the
    end. A slow client holds the file and no thread."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._before = _state(file)
        self.bytes = self._before[0]
        #: When it was changed last, in seconds since 1970.
        self.changed = self._before[1] / 1e9

    def __iter__(self) -> Iterator[bytes]:
        with self._file:
            left = self.bytes
            while left > 0:
                piece = self._file.read(min(_PIECE, left))
                if not piece or _state(self._file) != self._before:
                    raise OSError("the file changed while it was sent")
                left -= len(piece)
                yield piece

    def close(self) -> None:
        """Close the file, wherever the pieces are."""
        self._file.close()


class Pieces(Protocol):
    """What an answer is made of, piece by piece; `close` lets go of what it holds."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class PiecesAnswer(StreamingResponse):
    """An answer of pieces, which are closed when it has ended, also where the client went away."""

    def __init__(self, pieces: Pieces, headers: dict[str, str], media_type: str) -> None:
        super().__init__(pieces, 200, headers, media_type)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `starlette`. No piece is being made when it ends: a thread is waited for."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pieces.close()


def _state(file: FileIO) -> tuple[int, int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def safe_name(path: str) -> str:
    """The name of a file as any system can save it: no separator, no control or direction character, no device."""
    name = os.path.basename(path).encode("utf-8", "replace").decode("utf-8")
    shown = "".join("_" if _is_odd(letter) else letter for letter in unicodedata.normalize("NFC", name))
    shown = shown.strip(" .") or "photograph"
    stem, suffix = os.path.splitext(shown)
    while len((stem + suffix).encode()) > _LONGEST:
        stem, suffix = (stem[:-1], suffix) if stem else ("", suffix[:-1])
    return f"_{stem}{suffix}" if stem.split(".")[0].lower() in _DEVICES else stem + suffix


def disposition(path: str, *, attached: bool) -> str:
    """The header Content-Disposition (RFC 6266) for a file of this name."""
    name = safe_name(path)
    plain = "".join(letter if letter.isascii() and letter not in '%"' else "_" for letter in name)
    encoded = quote(name, safe="")
    return f"{'attachment' if attached else 'inline'}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _is_odd(letter: str) -> bool:
    return letter in '/\\:*?"<>|' or unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
