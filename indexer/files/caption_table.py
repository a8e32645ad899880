"""Tables with columns: which delimiter, which column is the image and which the text, and the rows."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexer.errors import CaptionFileError
from indexer.images.sniff import IMAGE_SUFFIXES

#: In the order in which they are tried: a tab or a bar hardly stands in a caption, a comma often does.
DELIMITERS = ("\t", "|", ";", ",")

#: How much of the file is looked at for its first row.
_HEAD = 100_000

#: A row that is longer is left out: its cells would take a hundred times the memory of the file.
MAX_ROW_CHARACTERS = 1_000_000


#: More quotes that are not closed are each as expensive as the longest row.
_MAX_REWINDS = 20


@dataclass(frozen=True, slots=True)
class _Layout:
    """`image` and `texts` are column numbers; `rest`: the last column takes what further delimiters cut off it."""

    delimiter: str
    has_header: bool
    image: int | None
    text: int
    rest: bool


def read_table(
    text: str, image_keys: Sequence[str], text_keys: Sequence[str]
) -> Iterator[tuple[int, str | None, list[str], str]]:
    """(line, image's name, its texts, what is wrong or "") of each row that is not empty; the name is "" where the row
    has none, None where no column is for it. The line is that where the row begins.

    A quote that is not closed costs its line alone, up to `_MAX_REWINDS` of them: the next row is the next line.
    Raises CaptionFileError when the first line shows no layout.
    """
    layout = _layout(text, image_keys, text_keys)
    lines = _Lines(text)
    rows = csv.reader(lines, delimiter=layout.delimiter)
    skip = layout.has_header
    rewinds = 0
    while True:
        lines.begin_row()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            line = lines.first
            # A cell over 128 KiB, mostly: of several lines, it is no cell.
            is_open = isinstance(error, _UnclosedError) or (
                lines.number > line and not isinstance(error, _TooLongError)
            )
            if is_open and rewinds < _MAX_REWINDS:
                rewinds += 1
                lines.rewind()
            yield line, "", [], "it has a quote that is not closed" if is_open else f"it does not parse ({error})"
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if skip:
            skip = False
            continue
        if len(cells) <= max(layout.text, layout.image or 0):
            count = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            yield lines.first, "", [], f"it has {count}, too few for a caption"
            continue
        content = layout.delimiter.join(cells[layout.text :]) if layout.rest else cells[layout.text]
        yield lines.first, None if layout.image is None else cells[layout.image].strip(), [content], ""


def _layout(text: str, image_keys: Sequence[str], text_keys: Sequence[str]) -> _Layout:
    firsts = {delimiter: _first_row(text, delimiter) for delimiter in DELIMITERS}
    for needed in (image_keys, ()):  # a header with both columns, before one with texts alone
        for delimiter, cells in firsts.items():
            names = [cell.strip().casefold() for cell in cells]
            image = next((names.index(key) for key in image_keys if key in names), None)
            caption = next((names.index(key) for key in text_keys if key in names), None)
            if caption is not None and (image is not None or not needed):
                return _Layout(delimiter, True, image, caption, rest=caption == len(names) - 1)
    for delimiter, cells in firsts.items():
        if len(cells) >= 2 and os.path.splitext(cells[0].strip())[1].lower() in IMAGE_SUFFIXES:
            return _Layout(delimiter, False, 0, 1, rest=True)
    raise CaptionFileError(
        f"its first line names no columns; write a header such as {image_keys[0]},{text_keys[0]}"
        if text.strip()
        else f"it holds no captions; write a header such as {image_keys[0]},{text_keys[0]}"
    )


def _first_row(text: str, delimiter: str) -> list[str]:
    try:
        rows = csv.reader(_Lines(text[:_HEAD], whole=False), delimiter=delimiter)
        return next((row for row in rows if any(cell.strip() for cell in row)), [])
    except csv.Error:
        return []


class _UnclosedError(csv.Error):
    """The text ends within a row."""


class _TooLongError(csv.Error):
    """A row that is longer than any is."""


class _Lines:
    """Lines with their ends, one at a time; not `splitlines`, for which a form feed ends a line too.

    `number`: of the last line, from 1; `first`: of the line where the row begins. Raises csv.Error, once, in the place
    of a line that makes a row too long, and where a row is not at its end when the text is. `whole`: not for a text
    that goes on.
    """

    def __init__(self, text: str, *, whole: bool = True) -> None:
        self._text = text
        self._whole = whole
        self._at = self._row = 0
        self.number, self.first = 0, 1

    def begin_row(self) -> None:
        """What comes now belongs to another row."""
        self._row = self._at
        self.first = self.number + 1

    def rewind(self) -> None:
        """Only the first line of this row was of it."""
        self._at = self._text.find("\n", self._row) + 1 or len(self._text)
        self.number = self.first

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        start = self._at
        if start >= len(self._text):
            if self._whole and start > self._row:
                raise _UnclosedError
            raise StopIteration
        end = self._text.find("\n", start)
        self._at = len(self._text) if end < 0 else end + 1
        self.number += 1
        if self._at - self._row > MAX_ROW_CHARACTERS:
            raise _TooLongError(f"it is longer than {MAX_ROW_CHARACTERS:,} characters")
        return self._text[start : self._at]
