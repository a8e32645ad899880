"""A text before a tokenizer sees it, as open_clip cleans it: one function for every tokenizer of its models."""

from __future__ import annotations

import html
import re
import string
from typing import Final, Literal

from indexer.text import with_few_marks

Cleaning = Literal["lower", "whitespace", "canonicalize"]
"""open_clip's names: spaces joined and lower case (CLIP), spaces joined (Hugging Face's tokenizers), and lower case
without ASCII's punctuation (SigLIP)."""

#: Texts of these characters alone, without "&", are left as they are by ftfy and by the unescaping of HTML.
_PLAIN: Final = re.compile(r"[ -%'-~]*\Z")
_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


def whole(text: str) -> str:
    """`text` without what no tokenizer takes: lone surrogates (names that are not UTF-8) do not encode, and ftfy puts
    marks in order, in a time that grows with the square of their number."""
    return with_few_marks(text.encode("utf-8", "replace").decode("utf-8"))


def cleaned(text: str, how: Cleaning) -> str:
    """`text` mended by ftfy, its HTML unescaped twice, then as `how` says. It has to be `whole`."""
    if not _PLAIN.match(text):
        import ftfy  # open_clip's own dependency, and not quick to import

        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    if how == "canonicalize":
        text = text.replace("_", " ").translate(_NO_PUNCTUATION).lower()
        return " ".join(text.split())
    text = " ".join(text.split())
    return text.lower() if how == "lower" else text
