"""What a person asks for: words and images, conditions, and how to answer."""

from __future__ import annotations

import os
import re
import stat
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked, optional
from indexer.errors import EmptyQueryError, PathNotFoundError, UsageError
from indexer.paths import absolute
from indexer.reach import look_named
from indexer.types import Kind
from search.query.pictures import path_or_content
from search.query.settings import ORDERS, TARGETS, Order, Target
from search.query.terms import MAX_TERMS, Term, Words, item_named
from search.query.words import legible

if TYPE_CHECKING:
    from collections.abc import Callable

    from search.query.filter import Filter
    from search.query.image_names import NamesImage
    from search.query.pictures import Picture

#: An address. (One letter is a drive of Windows.) Compiled where it is needed: every query pays for this file.
_ADDRESS = r"(?i)[a-z][a-z0-9+.-]+://\S|data:[a-z]+/[a-z0-9.+-]+[;,]"


@dataclass(frozen=True, slots=True, init=False)
class Query:
    """What is asked for: terms, texts and images that are added and subtracted; conditions; how to answer.

    Of the first three one at most is given, and makes one term; several terms come from `parse`, or as `terms`.
    `text`: words, whatever they look like; kept without control characters and superfluous spaces. `image`: the path
    of an image file, kept absolute; or an image in memory: of Pillow (turned upright as its EXIF says) or an array of
    uint8, (h, w, 3), (h, w, 4) with opacity or (h, w) grey. `image_bytes`: the content of an image file, as it comes
    from an upload or a pipe. `name`: what results call an image that is no file. `where`: what answers have to be
    besides; alone, it lists all of them. `sort`: how they are ordered, `min_probability`: which are left out, `to`:
    their kind; None: as the call says.

    Raises TypeError, EmptyQueryError for a text without words or a query that says nothing, UsageError for a text of
    more than 100,000 characters, a path that can be none or an array of another shape, FileError for an image of Pillow
    that does not decode, and PathNotFoundError for a path in a working folder that is
    gone.
    """

    terms: tuple[Term, ...]
    where: Filter | None
    sort: Order | None
    min_probability: float | None
    to: Target | None
    #: What a person should know of how a line was read.
    notes: tuple[str, ...] = field(compare=False)

    @checked(
        text=optional(arguments.text),
        image=optional(path_or_content),
        image_bytes=optional(arguments.content),
        name=arguments.text,
        terms=optional(arguments.several(arguments.instance("search.query.terms", "Term"), MAX_TERMS)),
        where=optional(arguments.instance("search.query.filter", "Filter")),
        sort=optional(arguments.one_of(ORDERS)),
        min_probability=optional(arguments.number(0, 1)),
        to=optional(arguments.one_of(TARGETS)),
    )
    def __init__(
        self,
        text: str | None = None,
        image: Picture | None = None,
        image_bytes: bytes | bytearray | memoryview | None = None,
        name: str = "(bytes)",
        *,
        terms: tuple[Term, ...] | None = None,
        where: Filter | None = None,
        sort: Order | None = None,
        min_probability: float | None = None,
        to: Target | None = None,
    ) -> None:
        count = sum(given is not None for given in (text, image, image_bytes, terms))
        if count > 1 or (count == 0 and where is None and sort is None):
            raise TypeError("A query is one of text, image (a path) and image_bytes; give exactly one.")
        made = terms or ()
        if text is not None:
            made = (Term((_words(text),)),)
        elif isinstance(image, str | os.PathLike):
            made = (Term(image=absolute(image)),)
        elif isinstance(image, bytes):
            made = (Term(image_bytes=image, name=name),)
        elif image_bytes is not None:
            made = (Term(image_bytes=bytes(image_bytes), name=name),)
        if made and all(term.weight < 0 for term in made):
            raise UsageError(
                'The query says only what is not wanted; say what is wanted as well: "photo" where that is anything.'
            )
        said = {"terms": made, "where": where, "sort": sort, "min_probability": min_probability, "to": to, "notes": ()}
        for attribute, value in said.items():
            object.__setattr__(self, attribute, value)

    @classmethod
    def parse(
        cls,
        line: str,
        names_image: NamesImage | None = None,
        open_image: Callable[[str], Query] | None = None,
    ) -> Query:
        """Read a line of the query language (docs/query-language.md): `red car -blue in:2021 near:Paris`.

        `names_image`: tells of a word which image it names, by its path, or None where it is a word; by default images
        are named by `like:` alone. `open_image`: a query by the image of such a name (by default of its
        file, a `file://` address, or `#` and the id of an indexed photograph).

        Raises UsageError, which names the character that is wrong; EmptyQueryError, PathNotFoundError.
        """
        from search.query.filter import Filter
        from search.query.parser import parse

        parsed = parse(line, names_image)
        query = cls(
            terms=tuple(_opened(term, open_image or open_named) for term in parsed.terms) or None,
            where=None if parsed.where is None else Filter.of(parsed.where),
            sort=parsed.sort,
            min_probability=parsed.min_probability,
            to=parsed.to,
        )
        return query.with_notes(*parsed.notes)

    def with_notes(self, *notes: str) -> Query:
        """The same query, with these sentences beside it."""
        noted = copy(self)
        object.__setattr__(noted, "notes", notes)
        return noted

    def narrowed(self, where: Filter | None) -> Query:
        """The same, of which answers have to be `where` as well."""
        if where is None:
            return self
        narrowed = copy(self)
        object.__setattr__(narrowed, "where", where if self.where is None else self.where & where)
        return narrowed

    @property
    def kind(self) -> Kind:
        """What it is, an image or a text: of several terms the first that is added; a text where it has none."""
        return next((term.kind for term in self.terms if term.weight > 0), "text")

    @property
    def text(self) -> str | None:
        """The words of its only term; None where there are several, or another."""
        return self.terms[0].text if len(self.terms) == 1 else None

    @property
    def image(self) -> str | None:
        """The path of its only term."""
        return self.terms[0].image if len(self.terms) == 1 else None

    @property
    def image_bytes(self) -> bytes | None:
        """The content of its only term."""
        return self.terms[0].image_bytes if len(self.terms) == 1 else None

    @property
    def name(self) -> str:
        """What results call an image that is no file."""
        return self.terms[0].name if len(self.terms) == 1 else str(self)

    @property
    def label(self) -> str:
        """What results call it: of one term alone its words as they are, or the path of its image."""
        only = self.terms[0] if len(self.terms) == 1 and self.where is None else None
        if only is None or only.weight != 1 or (self.sort, self.min_probability, self.to) != (None, None, None):
            return str(self)
        return only.text or only.image or (only.name if only.item is None else str(only))

    def __str__(self) -> str:
        """A line of the query language; of a query that was parsed one that reads as an equal query."""
        said = " ".join(f"{'-' if term.weight < 0 else '+'} {term}" for term in self.terms).removeprefix("+ ")
        parts = [said] if said else []
        if self.where is not None:
            parts.append(str(self.where))
        least = None if self.min_probability is None else f"{self.min_probability:.10f}".rstrip("0").rstrip(".")
        settings = (("min", least), ("sort", self.sort), ("to", self.to))
        return " ".join([*parts, *(f"{name}:{value}" for name, value in settings if value is not None)])


def _opened(term: Term, open_image: Callable[[str], Query]) -> Term:
    """With what its image's name stands for. Raises what `open_image` raises."""
    return term if term.image is None else replace(open_image(term.image).terms[0], weight=term.weight)


def image_query(path: str) -> Query:
    """A query by an image file, which has to be there. Raises PathNotFoundError or UsageError."""
    path = absolute(path)
    found = look_named(path, "The query image ")
    if found is None:
        from indexer.files.names import as_named  # its name may be written otherwise

        path = as_named(path)
    query = Query(image=path)
    assert query.image is not None
    if found is None and (found := look_named(query.image, "The query image ")) is None:
        raise PathNotFoundError(f"The query image {query.image} is not there; check the spelling.")
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"The query image {query.image} is not a file; name one photograph.")
    return query


def open_named(name: str) -> Query:
    """A query by the image that `like:` names: its file, by its path or a `file://` address, or an indexed photograph,
    by its id (`like:#12`).

    Raises PathNotFoundError, and UsageError for what is none: another address, `-`, a camera raw file.
    """
    if (number := item_named(name)) is not None:
        return Query(terms=(Term(item=number),))
    if name.lower().startswith("file://"):
        return image_query(path_of_address(name))
    refuse_address(name, "save the image and name its file")
    if name == "-":
        raise UsageError(
            "like:- is standard input, which the command line alone reads; ask with `Query(image_bytes=...)`."
        )
    from indexer.images.sniff import RAW_SUFFIXES

    if os.path.splitext(name)[1].lower() in RAW_SUFFIXES:
        raise UsageError(f"{short(name)} is a camera raw file, which is not read yet; ask with its JPEG.")
    return image_query(name)


def refuse_address(word: str, step: str) -> None:
    """Raises UsageError for an address; `step`: what to do instead."""
    if is_address(word):
        raise UsageError(f"{short(word)} is an address, and nothing is fetched from the network; {step}.")


def path_of_address(address: str) -> str:
    """The path in a `file://` address. Raises UsageError for a file of another machine."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        parts = urlsplit(address, allow_fragments=False)
    except ValueError:  # file://[x
        raise UsageError(f"{short(address)} is no address of a file; name it by its path.") from None
    if parts.netloc not in ("", "localhost"):
        raise UsageError(f"{short(address)} is a file of another machine; name it by its path here.")
    return url2pathname(parts.path)


def short(text: str) -> str:
    """A name as a sentence shows it."""
    return text if len(text) <= 80 else f"{text[:79]}…"


def is_address(text: str) -> bool:
    """Whether this is an address (https:, file:, data: ...) and no word."""
    return ":" in text and re.match(_ADDRESS, text) is not None


def _words(text: str) -> Words:
    """Raises EmptyQueryError and UsageError."""
    words = Words.of(legible(text))
    if words is None:
        raise EmptyQueryError('The query is empty; say what to look for, as in "a red car".')
    return words
