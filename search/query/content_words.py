"""The words of a query by which photographs are looked for in what is said of them.

Of a sentence these are its content words: "a photo of the church in Lisbon" asks for "church" and "lisbon". Words in
quotation marks are looked for as they stand, one behind the other. What looks like the name of a file
("IMG_2020", "old_harbour", "2021-05-04") may be the beginning of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from indexer.words import Word, name_joints, words
from search.query.query import Query
from search.query.stop_words import is_content
from search.query.terms import Term

#: More words than this of one query are not looked for.
MAX_WORDS: Final = 24

#: What people give as a name: letters with digits or `_`, at least four together, or a whole date; and its suffix,
#: which no name keeps.
_NAME: Final = re.compile(
    r"(?<!\w)(?P<name>(?=[A-Za-z_]*[0-9]|[A-Za-z]+_)(?=[0-9]*[A-Za-z_])[A-Za-z0-9_]{4,}"
    r"|(?<![.-])(?:19|20)[0-9]{2}(?P<sign>[.-]?)(?:0[1-9]|1[0-2])(?P=sign)(?:0[1-9]|[12][0-9]|3[01])(?![.-]?[0-9]))"
    r"(?!\w)(?:\.[A-Za-z]{3,4}(?!\w))?"
)


class ContentWord(NamedTuple):
    """A word that is looked for, or several one behind the other: the `tokens`; also what a name begins with, where
    `begins` are the tokens of that (the last may go on). `exact`: it was in quotation marks."""

    tokens: Word
    begins: Word = ()
    exact: bool = False

    @property
    def means_names(self) -> bool:
        """Whether who asks for it means names, too, and not only what a picture shows."""
        return self.exact or bool(self.begins)


def content_words(query: Query) -> tuple[ContentWord, ...]:
    """What the added texts of a query ask for, each once, in order: words, and phrases in quotation marks. None of an
    image, nor of a text that has nothing but stop words."""
    found = dict.fromkeys(word for term in query.terms if term.weight > 0 for word in _words_of(term))
    return tuple(found)[:MAX_WORDS]


def meaning_names(asked: Sequence[ContentWord], unread: Sequence[str]) -> tuple[ContentWord, ...]:
    """The same words; those among them that the encoder cannot read mean names: nothing else could be meant by them."""
    told = {word for text in unread for word in words(text)}
    return tuple(word._replace(exact=True) if word.tokens in told else word for word in asked)


def unwanted_words(query: Query) -> tuple[tuple[ContentWord, ...], ...]:
    """The words of each text that a query subtracts, where it has any."""
    subtracted = (tuple(dict.fromkeys(_words_of(term))) for term in query.terms if term.weight < 0)
    return tuple(each[:MAX_WORDS] for each in subtracted if each)


def _words_of(term: Term) -> Iterator[ContentWord]:
    for part in term.words:
        if part.exact:
            tokens = tuple(token for word in words(part.text) for token in word)
            if tokens:
                yield ContentWord(tokens, exact=True)
            continue
        last = 0
        for name in _NAME.finditer(part.text):
            yield from _plain(part.text[last : name.start()])
            yield _named(name["name"])
            last = name.end()
        yield from _plain(part.text[last:])


def _plain(text: str) -> Iterator[ContentWord]:
    for word in words(text):
        if is_content(word):
            yield ContentWord(word)


def _named(name: str) -> ContentWord:
    tokens, begins = (tuple(token for word in words(text) for token in word) for text in (name, name_joints(name)))
    return ContentWord(tokens, begins)
