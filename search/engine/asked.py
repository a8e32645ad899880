"""The terms of a query as vectors: all its texts in one pass of the encoder, its images from the catalog or their
files; what is added joined into one vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from indexer.catalog.catalog import Catalog
from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_query
from indexer.encoders.coverage import in_latin, is_read, suggestions, unread_words
from indexer.encoders.templates import captions_of, class_name_forms
from indexer.metrics import Float64
from indexer.types import Float32, Kind
from search.calibration.background import Sample
from search.calibration.calibration_file import Calibration
from search.calibration.curve import MIN_SPREAD, TypicalBackground, joined
from search.engine.ensembles import Ensembles
from search.engine.foreign_words import is_foreign
from search.engine.penalty import Penalty, Standard, Unwanted
from search.query.class_names import class_names, subtracted_names
from search.query.query import Query
from search.query.terms import Term, extra_weights, texts_to_encode, wanted_text
from search.rerank.base import EncodedQuery
from search.rerank.stage import crosses

#: What to do about a language that an encoder does not know.
_MANY_LANGUAGES: Final = (
    "a model of many languages has to be downloaded: `list_encoders()` names one, and "
    "`open(..., encoder=NAME).index(reencode=True)` encodes anew with it."
)
_GUESSES: Final = f"So these hits are guesses. For other languages than English {_MANY_LANGUAGES}"


@dataclass(frozen=True, slots=True)
class Weighted:
    """A part of a query and its weight, above 0."""

    query: EncodedQuery
    weight: float


@dataclass(frozen=True, slots=True)
class Nothing:
    """What to say where the encoder knows nothing of a query. `certain`: so that there is nothing to search for; words
    in Latin letters that no list has ("vespa", "bokeh") may mean something to it all the same."""

    sentence: str
    certain: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as it is compared with items. `added`: its texts together, and each of its images; one at least.
    `subtracted`: each term, its weight in units of the greatest that is added. `content_ids`: of its images that are
    indexed, of those that are added. `several`: it has more than one term. `unread`: its
    words that the encoder cannot read; where it has some, nobody knows how probable its answers are. `suggested`: what
    was meant by some of these. `nothing`:
    where it knows nothing of it, and the words of captions and names have to answer. `notes`: what a person should
    know. `foreign`: its words look like those of another language.
    """

    added: Sequence[Weighted]
    subtracted: Sequence[Weighted]
    content_ids: frozenset[int]
    several: bool
    unread: tuple[str, ...]
    suggested: Mapping[str, str]
    nothing: Nothing | None
    notes: tuple[str, ...]
    foreign: bool = False

    @property
    def query(self) -> EncodedQuery:
        """What is added, when it is texts alone or one image; else a query that neither rerankers nor explanations
        know anything of."""
        first = self.added[0].query
        return first if len(self.added) == 1 else EncodedQuery("image", first.vector, None)

    def said_of_unread(self, is_said: Callable[[str], bool], least: float | None) -> str | None:
        """A sentence about the words that the encoder cannot read, with what was meant, or else the next step; None
        where it reads all. `is_said`: whether a word is said of something here, and is no slip; `least`: the
        probability that hits were to have."""
        if not self.unread:
            return None
        meant = {word: other for word, other in self.suggested.items() if not is_said(word)}
        step = "check the spelling, or ask in other words."
        if self.foreign:
            step = "if this is another language, ask in English."
        elif meant:
            only = len(self.unread) == 1
            named = (f"“{other}”" if only else f"“{other}” by “{word}”" for word, other in meant.items())
            step = f"did you mean {', '.join(named)}?"
        void = "" if least is None else f" and `min_probability={least:g}` leaves nothing out"
        return f"The encoder does not know {_listed(self.unread)}, so no hit has a probability{void}; {step}"

    @property
    def said_of_guesses(self) -> str | None:
        """A sentence where the hits are no more than guesses; None where something is read, or other words answer."""
        if self.nothing is not None:
            return self.nothing.sentence
        return _GUESSES if self.foreign else None

    def against(self, kind: Kind, sample: Sample, curves: Calibration) -> tuple[Float32, Penalty | None]:
        """The one vector (d,) float32, unit norm, that items of this kind are compared with, and what they lose by what
        is subtracted. `sample`: of the items.

        Similarities to an image spread twice as far as those to a text, so that images would drown texts: each part
        counts in its own spreads. (Its mean is the same for all items, and changes no order.)
        """

        def spread_of(query: EncodedQuery) -> tuple[float, float]:
            return _spread(query.kind, query.vector, kind, sample, curves)

        vector = self.added[0].query.vector
        if len(self.added) > 1:
            rows = [
                part.weight / max(spread_of(part.query)[1], MIN_SPREAD) * part.query.vector.astype(np.float64)
                for part in self.added
            ]
            vector = _unit(np.sum(rows, axis=0), vector)
        if not self.subtracted:
            return vector, None
        asks: Kind = "image" if len(self.added) > 1 else self.added[0].query.kind
        wanted = Standard(vector, *_spread(asks, vector, kind, sample, curves))
        terms = [
            Unwanted.of(part.query, part.weight, Standard(part.query.vector, *spread_of(part.query)), wanted, sample)
            for part in self.subtracted
        ]
        return vector, Penalty(wanted, terms, sample.items)


def reranked_kinds(query: Query, kinds: Sequence[Kind]) -> list[Kind]:
    """The kinds of items that rerankers can compare with a query: words with images, and one image with words."""
    added = [term for term in query.terms if term.weight > 0]
    images = sum(term.kind == "image" for term in added)
    asks: Kind | None = "text" if not images else "image" if len(added) == 1 else None
    return [] if asks is None else [kind for kind in kinds if crosses(asks, kind)]


def lessened_kinds(query: Query, kinds: Sequence[Kind]) -> list[Kind]:
    """The kinds of items of which rerankers can say whether they show something that is subtracted."""
    unwanted = {term.kind for term in query.terms if term.weight < 0}
    return [kind for kind in kinds if any(crosses(asks, kind) for asks in unwanted)]


def encoded_together(queries: Sequence[tuple[Query, bool | None]], encoder: Encoder, store: Path) -> Encoder:
    """An encoder that knows the texts of several queries already: they have shared passes of `encoder`. Beside each
    query, whether its class names are asked for in templates."""
    texts = dict.fromkeys(text for query, _ in queries for text in texts_to_encode(query.terms))
    if len(queries) < 2 or len(texts) < 2:
        return encoder
    for query, wish in queries:
        texts |= dict.fromkeys(captions_of(encoder, subtracted_names(query.terms), wish).values())
    from search.fast_start.prefetched_encoder import PrefetchedEncoder, encode_ahead

    forms = tuple(
        form
        for query, wish in queries
        for name in class_names(query.terms)
        for form in class_name_forms(encoder, name, wish)
    )
    return PrefetchedEncoder(encode_ahead(encoder, tuple(texts), forms, together=True), store, None, encoder)


def ask(
    query: Query,
    encoder: Encoder,
    catalog: Catalog,
    ensembles: Ensembles,
    *,
    tokens: bool,
    templates: bool | None = None,
) -> Asked:
    """Encode what a query says; `tokens`: with those that a reranker needs; `templates`: whether a class name is asked
    for in templates (None: as the encoder does by itself).

    Raises PathNotFoundError, and FileError for an image that cannot be read; UsageError for an id that is not there.
    """
    notes: list[str] = []
    texts = texts_to_encode(query.terms)
    encoded = ensembles.encode(encoder, texts, class_names(query.terms), templates, tokens=tokens)
    known = {}
    for row, text in enumerate(texts):
        words = encoded.tokens[row] if encoded.tokens else None
        known[text] = EncodedQuery("text", encoded.vectors[row], words, text=text)
        count = encoder.count_tokens(text)
        if count > encoder.max_text_tokens:
            notes.append(
                f"The query is longer than the encoder reads: only its first {encoder.max_text_tokens} of {count} "
                "word pieces count."
            )
    unread = list(dict.fromkeys(word for text in texts for word in unread_words(encoder, text)))
    suggested = suggestions(encoder, unread)
    together = wanted_text(query.terms)
    foreign = together is not None and is_foreign(together, unread, suggested)
    added = _added_texts(query.terms, known)
    unwanted = _as_captions(captions_of(encoder, subtracted_names(query.terms), templates), known, encoder, tokens)
    greatest = max(term.weight for term in query.terms)
    subtracted: list[Weighted] = []
    content_ids: set[int] = set()
    for term in query.terms:
        if term.kind == "text":
            if term.weight < 0:
                less = term.encoder_text
                assert less is not None
                subtracted.append(Weighted(unwanted.get(less, known[less]), -term.weight / greatest))
            continue
        from search.engine.query_image import embed_image  # brings what decodes images

        found = embed_image(term, encoder, catalog, tokens=tokens)
        path = found.path if term.image is None else term.image  # for a reranker that reads pictures itself
        image = EncodedQuery("image", found.vector, found.tokens, image=path, image_bytes=term.image_bytes)
        if term.weight < 0:
            subtracted.append(Weighted(image, -term.weight / greatest))
            continue
        added.append(Weighted(image, term.weight))
        if found.content_id is not None:
            content_ids.add(found.content_id)
    return Asked(
        added,
        subtracted,
        frozenset(content_ids),
        len(query.terms) > 1,
        tuple(unread),
        suggested,
        _nothing(query, encoder, unread, suggested, foreign=foreign),
        tuple(notes),
        foreign,
    )


def _as_captions(
    captions: dict[str, str], known: dict[str, EncodedQuery], encoder: Encoder, tokens: bool
) -> dict[str, EncodedQuery]:
    """By text what is `known` of it, with the word tokens of its caption."""
    if not tokens or encoder.token_shape is None or not captions:
        return {}
    words = encode_query(encoder, tuple(captions.values()), tokens=True).tokens or ()
    return {text: replace(known[text], tokens=own) for text, own in zip(captions, words, strict=True)}


def _nothing(
    query: Query, encoder: Encoder, unread: Sequence[str], suggested: Mapping[str, str], *, foreign: bool
) -> Nothing | None:
    """None where it reads something of a query, or an image or a filter is there."""
    together = wanted_text(query.terms)
    has_image = any(term.kind == "image" and term.weight > 0 for term in query.terms)
    if not unread or together is None or has_image or query.where is not None or is_read(encoder, together):
        return None
    if not foreign and all(word in suggested for word in unread):  # slips rather than another language
        return Nothing("So these hits are guesses.", certain=False)
    if any(in_latin(word) for word in unread):
        return Nothing(_GUESSES, certain=False)
    return Nothing(
        f"There is nothing to search for: the encoder {encoder.identity.name} does not know {_listed(unread)}. Check "
        f"the spelling, or ask in English; for other languages {_MANY_LANGUAGES}",
        certain=True,
    )


def _listed(words: Sequence[str]) -> str:
    """At most five of them."""
    shown = ", ".join(f"“{word if len(word) <= 40 else f'{word[:39]}…'}”" for word in words[:5])
    return shown if len(words) <= 5 else f"{shown} and {len(words) - 5:,} more words"


def _added_texts(terms: Sequence[Term], known: dict[str, EncodedQuery]) -> list[Weighted]:
    """The texts that are added, as one part: together, and what some weigh beyond the others by itself."""
    together = wanted_text(terms)
    if together is None:
        return []
    weights = [term.weight for term in terms if term.kind == "text" and term.weight > 0]
    part = known[together]
    extra = extra_weights(terms)
    if extra:
        rows = [min(weights) * len(weights) * part.vector.astype(np.float64)]
        rows += [weight * known[text].vector.astype(np.float64) for text, weight in extra.items()]
        part = replace(part, vector=_unit(np.sum(rows, axis=0), part.vector))
    return [Weighted(part, sum(weights))]


def _unit(vector: Float64, otherwise: Float32) -> Float32:
    """(d,) float32 of unit norm; `otherwise` where nothing is left of it."""
    norm = float(np.linalg.norm(vector))
    return otherwise if norm < 1e-9 else (vector / norm).astype(np.float32)


def _spread(asks: Kind, vector: Float32, finds: Kind, sample: Sample, curves: Calibration) -> tuple[float, float]:
    """Mean and spread of the similarities of a vector (d,) to items that do not match."""
    typical: TypicalBackground | None = curves.curve(asks, finds, None).typical
    mean, spread = joined(sample.background(vector, typical if asks == finds == "text" else None), typical)
    return float(mean), float(spread)
