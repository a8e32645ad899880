"""Text from files made fit to keep: no control characters, no lone surrogates, one normal form, a bounded length."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

#: A caption is cut after this many characters: encoders read the first few hundred, hits show the first few lines.
MAX_TEXT_LENGTH = 2_000

#: A reason is one sentence; what libraries add to it may be as long as the file.
MAX_LINE_LENGTH = 500

#: So many marks on one letter are kept, more than any script writes (UAX #15, Stream-Safe Text Format): to put them in
#: order takes a time that grows with the square of their number, 0.1 s for 8,000.
MAX_MARKS = 30

#: Marks with a lower combining class are no accents: signs of vowels, nuktas, voicing marks of kana, viramas.
_FIRST_ACCENT: Final = 10
#: Letters that Unicode takes for letters of their own and typists write without their strokes: Tromsø, Łódź.
_STROKES: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
#: Where more marks than that may be: none has a lower number.
_MANY_MARKS = re.compile(f"[\u0300-\U0010ffff]{{{MAX_MARKS + 1}}}")
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_SPACES = re.compile(r"[ \t]+")


def clean_text(text: str, limit: int = MAX_TEXT_LENGTH) -> str:
    """`text` in NFC, stripped, at most `limit` characters; "" when nothing legible is in it. Lines are kept apart."""
    text = text[: 4 * limit]  # before any work on it; spaces and decomposed letters may still fall away
    text = _UNFIT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = composed(_SPACES.sub(" ", text)).strip()[:limit].rstrip()
    return text if any(character.isalnum() or ord(character) > 0x2000 for character in text) else ""


def composed(text: str) -> str:
    """`text` in NFC, with at most `MAX_MARKS` marks on a letter: in a time that grows with its length alone."""
    return text if text.isascii() else unicodedata.normalize("NFC", with_few_marks(text))


def folded(text: str) -> str:
    """`text` as it is compared, in words and in names: letter case, accents, strokes and forms of letters do not count
    ("Café" as "cafe", "Łódź" as "lodz", "２０２１" as "2021"). In NFC."""
    if text.isascii():
        return text.lower()
    marked = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", with_few_marks(text)).casefold())
    plain = "".join(each for each in marked if unicodedata.combining(each) < _FIRST_ACCENT)
    return unicodedata.normalize("NFC", plain.translate(_STROKES))


def with_few_marks(text: str) -> str:
    """`text` with at most `MAX_MARKS` marks on a letter; before any work that puts them in order."""
    if not _MANY_MARKS.search(text):
        return text
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def one_line(text: str, limit: int = MAX_LINE_LENGTH) -> str:
    """A sentence about a file that holds what the file says (a name, a library's complaint), fit to keep and to print:
    one line of legible characters, at most `limit`.
    """
    text = text[: 4 * limit].encode("utf-8", "replace").decode("utf-8")
    return " ".join(_UNFIT.sub("", text).split())[:limit]


def text_digest(text: str) -> bytes:
    """The identity of a text's content; the prefix keeps it apart from any file's."""
    return hashlib.sha256(b"text\0" + text.encode("utf-8", "surrogatepass")).digest()


def decode_text(data: bytes) -> str:
    """Bytes that may be UTF-8 or an older single-byte code, as text; never raises."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
