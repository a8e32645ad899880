"""Texts beside images: `captions.jsonl`, `captions.csv`, and a `.txt` with the name of an image.

A row of a table names an image under one of `IMAGE_KEYS` and gives a text, or several, under one of `TEXT_KEYS`
(letter case aside). The file is UTF-8; a byte order mark, UTF-16's too, is understood.
"""

from __future__ import annotations

import codecs
import json
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterator, Sequence

from indexer.counted import counted
from indexer.errors import CaptionFileError
from indexer.files.caption_table import read_table
from indexer.files.table_images import TableImages
from indexer.images.sniff import IMAGE_SUFFIXES
from indexer.text import clean_text
from indexer.types import Caption

IMAGE_KEYS = ("image", "file", "file_name", "filename", "path", "filepath")
TEXT_KEYS = ("caption", "captions", "text", "title")

#: Bounds on one table (rows and captions), far over any data set in use: COCO has 600,000 captions, none over 1,000
#: characters.
MAX_ROWS = 5_000_000
MAX_LINE_BYTES = 1_000_000

#: Problems that are told one by one; of the rest, the count.
MAX_PROBLEMS = 20

#: Images that are not there are asked for together.
_ASKED = 256

#: What a file beside an image, with a text about it, is called: data sets (WebDataset) know the second.
SIDECARS = frozenset({".txt", ".caption"})

#: A sidecar of at most this many lines holds a caption a line; a longer one is a single text.
MAX_SIDECAR_CAPTIONS = 20

_JSONL, _CSV = "captions.jsonl", "captions.csv"


_SUFFIX_SPELLINGS = frozenset(s for lower in IMAGE_SUFFIXES for s in (lower, lower.upper(), lower.title()))


def is_caption_table(name: str) -> bool:
    """Whether a file of this name (no folder) is a table of captions."""
    return name.lower() in (_JSONL, _CSV)


def parse_captions_file(
    name: str,
    data: bytes,
    folder: str,
    *,
    anywhere: bool = False,
    without: Container[str] = (),
    known: Callable[[Sequence[str]], Container[str]] | None = None,
) -> tuple[list[Caption], list[str]]:
    """`parse_jsonl` or `parse_csv`, as the file's name asks for."""
    parse = parse_csv if name.lower().endswith(".csv") else parse_jsonl
    return parse(data, folder, anywhere=anywhere, without=without, known=known)


def parse_jsonl(
    data: bytes,
    folder: str,
    *,
    anywhere: bool = False,
    without: Container[str] = (),
    known: Callable[[Sequence[str]], Container[str]] | None = None,
) -> tuple[list[Caption], list[str]]:
    """The captions in a table with a JSON object a line, and a sentence for each line that was left out.

    `folder` is where the table lies. `about` is the path of the image in it, or in `images` beside the table, and
    None when the row names none or names one that is not there (`table_images.TableImages`: of each, a sentence with
    their count and the first of them). Of several texts those that are none are left out, with a sentence. `anywhere`:
    images outside the folder are taken too; not for a table that lies among photographs, which must not show other
    files of its reader. `without`: paths of images, there or not, whose rows are passed over; `known`: told paths at
    which no image is, gives those at which the index has one, which `about` names all the same. Texts are clean
    (`text.clean_text`); empty ones are passed over. At most `MAX_PROBLEMS` sentences about lines, then one with the
    count of the rest.

    Raises CaptionFileError when not one row is good.
    """
    images = TableImages(folder, anywhere=anywhere, without=without, known=known)
    return _parse(_jsonl_rows(_as_utf8(data)), images, '{"image": "a.jpg", "caption": "a dog"}')


def parse_csv(
    data: bytes,
    folder: str,
    *,
    anywhere: bool = False,
    without: Container[str] = (),
    known: Callable[[Sequence[str]], Container[str]] | None = None,
) -> tuple[list[Caption], list[str]]:
    """The captions in a table with columns, and a sentence for each row that was left out; see `parse_jsonl`.

    The delimiter (comma, semicolon, tab or bar) is the one that makes sense of the first line: a header that names
    its columns, or else, without a header, an image's name and its caption.

    Raises CaptionFileError when not one row is good, and, naming the line, when the file is not UTF-8.
    """
    data = _as_utf8(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CaptionFileError(f"line {line} is not UTF-8; save the file as UTF-8") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    images = TableImages(folder, anywhere=anywhere, without=without, known=known)
    return _parse(read_table(text, IMAGE_KEYS, TEXT_KEYS), images, "a.jpg,a dog")


def sidecar_image(names: Collection[str], txt_name: str) -> str | None:
    """Which of the files `names` of a folder the `.txt` or `.caption` beside them is about; None when it is about none.

    "photo.jpg.txt" is about "photo.jpg"; "photo.txt" about the image of that stem, the first in order when several
    share it. Pass a set: membership is all that is asked, however large the folder.
    """
    stem, suffix = os.path.splitext(txt_name)
    if suffix.lower() not in SIDECARS or not stem:
        return None
    if os.path.splitext(stem)[1].lower() in IMAGE_SUFFIXES and stem in names:
        return stem
    return min((stem + spelling for spelling in _SUFFIX_SPELLINGS if stem + spelling in names), default=None)


def parse_sidecar(data: bytes) -> list[str]:
    """The captions in a sidecar: each line that is not empty, once; of more than `MAX_SIDECAR_CAPTIONS` lines, one
    text, joined and cut. Raises CaptionFileError when it is not UTF-8.
    """
    try:
        text = _as_utf8(data[:MAX_LINE_BYTES]).decode("utf-8", "strict" if len(data) <= MAX_LINE_BYTES else "ignore")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CaptionFileError(f"line {line} is not UTF-8; save the file as UTF-8") from None
    lines = [line for line in (clean_text(line) for line in text.splitlines()) if line]
    if len(lines) > MAX_SIDECAR_CAPTIONS:
        return [clean_text(" ".join(lines))]
    return list(dict.fromkeys(lines))


#: A row: its line number, the image it names ("" for none, None where there is no place for one), its texts, and what
#: of it is wrong, if anything.
Row = tuple[int, str | None, list[str], str]


def _parse(rows: Iterator[Row], images: TableImages, example: str) -> tuple[list[Caption], list[str]]:
    """`example`: a row, for whoever has written none that is good."""
    captions: list[Caption] = []
    problems: list[str] = []
    lacking: defaultdict[str, list[int]] = defaultdict(list)  # names of images -> places in `captions`
    more = 0
    passed_over = False
    for count, (line, name, texts, problem) in enumerate(rows):
        is_full = count >= MAX_ROWS or len(captions) >= MAX_ROWS
        if is_full:
            what = "rows" if count >= MAX_ROWS else "captions"
            problem = f"{what} after the first {MAX_ROWS:,} are not read"
        if problem and len(problems) < MAX_PROBLEMS:
            problems.append(f"line {line}: {problem}")
        elif problem:
            more += 1
        if is_full:
            break
        cleaned = [good for text in texts if (good := clean_text(text))]
        if cleaned and images.passes_over(name):
            passed_over = True
            continue
        about = images.find(name, line) if cleaned else None
        if cleaned and name and about is None:
            if len(lacking) >= _ASKED and name not in lacking:
                _find_known(captions, lacking, images)
            lacking[name] += range(len(captions), len(captions) + len(cleaned))
        captions += [Caption(good, about) for good in cleaned]
    _find_known(captions, lacking, images)
    if not captions and not passed_over:
        why = f" ({problems[0]})" if problems else ""
        raise CaptionFileError(f"it holds no captions{why}; write rows such as {example}")
    if more:
        problems.append(f"in {counted(more, 'more row')} something was left out")
    return captions, [*problems, *images.problems]


def _find_known(captions: list[Caption], lacking: defaultdict[str, list[int]], images: TableImages) -> None:
    """Let captions be about the images that are not there and that the index knows. `lacking` is empty then."""
    for name, path in images.places_known(list(lacking)).items() if lacking else ():
        for place in lacking[name]:
            captions[place] = Caption(captions[place].text, path)
    lacking.clear()


def _jsonl_rows(data: bytes) -> Iterator[Row]:
    start, number = 0, 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        number += 1
        if end - start > MAX_LINE_BYTES:
            yield number, "", [], f"it is longer than {MAX_LINE_BYTES:,} bytes"
        else:
            line = data[start:end].strip()
            if line:
                yield _jsonl_row(number, line)
        start = end + 1


def _jsonl_row(number: int, line: bytes) -> Row:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return number, "", [], "it is not UTF-8"
    except (ValueError, RecursionError):
        return number, "", [], "it is not JSON"
    if not isinstance(value, dict):
        return number, "", [], "it is not a JSON object"
    fields = {key.casefold(): field for key, field in value.items()}
    names = [fields[key] for key in IMAGE_KEYS if key in fields]
    name = next((given for given in names if isinstance(given, str) and given.strip()), "" if names else None)
    problem = f"it has no text under {', '.join(TEXT_KEYS[:-1])} or {TEXT_KEYS[-1]}"
    for key in TEXT_KEYS:
        field = fields.get(key)
        if isinstance(field, str) and field:
            return number, name, [field], ""
        if isinstance(field, list):
            texts = [text for text in field if isinstance(text, str)]
            wrong = _no_texts(key, field)
            if texts:
                return number, name, texts, wrong
            problem = wrong
        elif isinstance(field, str):
            problem = ""
    return number, name, [], problem


def _no_texts(key: str, elements: list[object]) -> str:
    """A sentence about the elements under `key` that are no texts, if there are any."""
    wrong = [(at, element) for at, element in enumerate(elements, 1) if not isinstance(element, str)]
    if not wrong:
        return ""
    at, first = wrong[0]
    kind = {bool: json.dumps(first), type(None): "null", list: "a list", dict: "an object"}.get(type(first), "a number")
    more = f", nor {'is' if len(wrong) == 2 else 'are'} {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
    return f"element {at} of {key} is no text ({kind}){more}"


def _as_utf8(data: bytes) -> bytes:
    """Without a byte order mark; UTF-16 (what spreadsheets call Unicode text) turned into UTF-8."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data.removeprefix(codecs.BOM_UTF8)
