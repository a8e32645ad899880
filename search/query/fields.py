"""The fields of the query language, one row each. Imports nothing: every query pays for it.

    search query 'red car after:2021 near:Paris,5'
    search query red car --after 2021 --near Paris,5
    library.query("red car", where=Filter(after=2021, near=("Paris", 5)))

From these rows come the language's fields (`parser.py`), the options of `search query`, the attributes of `Filter`
(a test holds their names to each other), and the reference in `docs/query-language.md`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; importing `typing` takes 5 ms
if TYPE_CHECKING:
    from typing import Literal

    #: What a field does: it keeps photographs out, adds or subtracts a term, or says how to answer.
    Role = Literal["filter", "term", "setting"]


class Field:
    """A row. `name`: in the language, before its colon; `option`: on the command line. `value`: what it takes, for the
    help; `says`: what it does, one sentence; `example`: values, as they are typed."""

    def __init__(self, name: str, role: Role, value: str, says: str, example: str, option: str | None = None) -> None:
        self.name = name
        self.role = role
        self.option = f"--{option or name}"
        self.value = value
        self.says = says
        self.example = example

    @property
    def is_called_otherwise(self) -> bool:
        """Whether its option has another name."""
        return self.option != f"--{self.name}"


_ROWS = (
    Field("in", "filter", "DATES", "Of these dates: a year, a month, a day, or a range.", "2021  2019-06..2019-09"),
    Field("after", "filter", "DATE", "From the beginning of this date on.", "2021-06  2w"),
    Field("before", "filter", "DATE", "Before the beginning of this date.", "2021-06-03  today"),
    Field("year", "filter", "YEARS", "Of this year, or of these.", "2021  2019..2021  >2019"),
    Field("month", "filter", "MONTHS", "Of this month of any year, or of these.", "12  june..august"),
    Field("weekday", "filter", "DAYS", "Of this day of the week, or of these.", "sat,wed  fri..sun  weekend"),
    Field("time", "filter", "TIMES", "Between these times of the day; an hour alone lasts to its end.",
          "18:00..23:00  22..4"),
    Field("date", "filter", "SOURCE", "Whose date comes from here: taken, name, sidecar or file.", "taken"),
    Field("near", "filter", "PLACE[,KM]", "Within so many km (20) of a place, or of LAT,LON.", "Paris,5  48.85,2.35"),
    Field("country", "filter", "COUNTRY", "Taken in this country, by its name or two letters.", "France  FR"),
    Field("camera", "filter", "WORDS", "Whose camera's name holds this.", "pixel  \"canon eos\""),
    Field("lens", "filter", "WORDS", "Whose lens's name holds this.", "50mm"),
    Field("path", "filter", "FOLDER", "In a folder or a file of this name, or where a glob matches.",
          "trips/  **/scans/*.png"),
    Field("name", "filter", "NAME", "Whose file's name holds this, or matches a glob.", "IMG_2  *.scan.*"),
    Field("type", "filter", "TYPE", "Of this type of file, or of these.", "jpeg  heic,png"),
    Field("size", "filter", "BYTES", "Of this size of file.", ">5MB  1MB..5MB"),
    Field("width", "filter", "PIXELS", "So many pixels wide.", "4032  >=1920"),
    Field("height", "filter", "PIXELS", "So many pixels high.", "3024  ..1080"),
    Field("megapixels", "filter", "NUMBER", "Of so many megapixels.", "12  >20"),
    Field("orientation", "filter", "SHAPE", "landscape, portrait or square.", "portrait"),
    Field("has", "filter", "WHAT", "That have this: gps, caption, keyword, or a date besides the file's.", "gps"),
    Field("text", "filter", "WORDS", "With all these words in captions, keywords or other texts.", "\"ACME invoice\"",
          option="with-text"),  # --text, a switch, has long meant that QUERY is words
    Field("keyword", "filter", "WORDS", "With these words, in this order, in one keyword.", "holiday"),
    Field("tag", "filter", "TAG", "With this tag; nothing has tags yet, those in files are keywords.", "favourite"),
    Field("id", "filter", "NUMBER", "The hit of this id, as JSON has it.", "42"),
    Field("like", "term", "IMAGE", "Like this image, besides the words.", "beach.jpg"),
    Field("not", "term", "WORDS", "Not like these words; the same as a minus before them.", "people"),
    Field("min", "setting", "P", "Leave out what is less probable.", "50%  0.5", option="min-probability"),
    Field("sort", "setting", "ORDER", "score, date, name or size; a minus before it (not score) turns it round.",
          "-date"),
    Field("to", "setting", "KIND", "What to find: image (the default), text (captions) or any.", "text"),
)  # fmt: skip

#: By their names, in the order of the documentation.
FIELDS: dict[str, Field] = {row.name: row for row in _ROWS}

#: Those whose value is any text, with whatever is in it.
OF_ANY_TEXT = frozenset({"camera", "lens", "path", "name", "text", "keyword", "tag", "like", "not"})

#: What people call a field that has another name here.
OTHER_NAMES: dict[str, str] = {
    "since": "after",
    "from": "after",
    "until": "before",
    "day": "in",
    "when": "in",
    "taken": "in",
    "place": "near",
    "city": "near",
    "location": "near",
    "where": "near",
    "model": "camera",
    "make": "camera",
    "folder": "path",
    "dir": "path",
    "album": "path",
    "file": "name",
    "filename": "name",
    "format": "type",
    "ext": "type",
    "filetype": "type",
    "filesize": "size",
    "mp": "megapixels",
    "caption": "text",
    "title": "text",
    "description": "text",
    "keywords": "keyword",
    "tags": "tag",
    "label": "tag",
    "exclude": "not",
    "without": "not",
    "similar": "like",
    "image": "like",
    "probability": "min",
    "score": "min",
    "order": "sort",
    "orderby": "sort",
    "kind": "to",
}

#: Options whose fields have another name, as somebody may write them in a line: `with-text:`.
OTHER_NAMES |= {row.option.removeprefix("--"): row.name for row in _ROWS if row.is_called_otherwise}
