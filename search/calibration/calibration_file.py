"""Calibrations on disk: `calibration.json`, the store's own or the one that ships.

One file holds a curve for each direction (what asks, what is found), with and without a reranker. It belongs to the
weights of one encoder and, for the reranked models, to one reranker: with any other the numbers would mean nothing.

It carries a digest of itself, as a changed digit gives other probabilities; a file of before has none and is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from indexer.atomic import write_atomically
from indexer.encoders.base import EncoderId
from indexer.errors import StoreUnwritableError, UsageError
from indexer.json_digest import json_digest
from indexer.misread import misread
from indexer.reach import beginning, reason
from indexer.settings import models_folder
from indexer.types import KINDS, Kind
from search.calibration.curve import FALLBACK, FEATURES, ProbabilityCurve, Slopes, TypicalBackground
from search.query.query_form import QUERY_FORMS, QueryForm
from search.rerank.base import Reranker

FORMAT: Final = 2
NAME: Final = "calibration.json"
#: Four curves with their bins are a few kilobytes.
MAX_BYTES: Final = 1_000_000
#: Coefficients beyond this come from a damaged file, not from a fit.
_LARGEST: Final = 1e9


@dataclass(frozen=True, slots=True)
class Entry:
    """One fitted curve: for queries of the kind `asks` that find the kind `finds`. `reranker`: key of the one that
    ordered the hits, None without. `fitted_on`: how much, for people; `ece`: cross-fitted expected calibration error.
    `form`: of texts that ask for images; None of all other queries.
    """

    asks: Kind
    finds: Kind
    reranker: str | None
    curve: ProbabilityCurve
    fitted_on: dict[str, Any] = field(default_factory=dict)
    ece: float = 0.0
    form: QueryForm | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the probabilities of one index are made with. `encoder`: SHA-256 of the weights that it belongs to."""

    encoder: str
    entries: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()

    def guessing(self, texts: TypicalBackground) -> Calibration:
        """With a curve for texts found by a text, from the background alone. `texts`: those that do not match."""
        return replace(self, entries=(*self.entries, Entry("text", "text", None, replace(FALLBACK, typical=texts))))

    def curve(self, asks: Kind, finds: Kind, reranker: str | None, form: QueryForm | None = None) -> ProbabilityCurve:
        """For such queries; FALLBACK where nothing was fitted: for images found by an image there are no pairs.
        `form`: of a text that asks for images; None: whatever its form."""
        for entry in self.entries:
            if (entry.asks, entry.finds, entry.reranker) == (asks, finds, reranker) and form in (None, entry.form):
                return entry.curve
        return FALLBACK


def reranker_key(reranker: Reranker | None) -> str | None:
    """What tells the scores of one reranker from those of another."""
    if reranker is None:
        return None
    digest = getattr(reranker, "digest", None)
    return digest if isinstance(digest, str) else reranker.name


def find_calibration(store_folder: Path, identity: EncoderId) -> Calibration:
    """The store's own, and where that has no curve, what ships with the encoder. Files that are for other weights, or
    do not read, are left out with a note; without any, every curve is the fallback."""
    own = store_folder / NAME
    return _found([own, *_shipped()], identity, own)


def shipped_calibration(identity: EncoderId) -> Calibration:
    """What ships with the encoder, as `find_calibration` without the store's own."""
    return _found(_shipped(), identity)


def own_entries(store_folder: Path, identity: EncoderId) -> tuple[Entry, ...]:
    """Those of the store's own file, none where it does not read or is for other weights."""
    with suppress(UsageError):
        found = read(store_folder / NAME)
        if found is not None and found.encoder == identity.weights:
            return found.entries
    return ()


def _shipped() -> list[Path]:
    with suppress(UsageError):
        return [models_folder() / "bundled" / NAME, models_folder() / "reranker" / NAME]
    return []


def _found(paths: Sequence[Path], identity: EncoderId, own: Path | None = None) -> Calibration:
    entries: list[Entry] = []
    notes: list[str] = []
    for path in paths:
        try:
            found = read(path)
        except UsageError as error:
            notes.append(str(error))
            continue
        if found is None:
            continue
        if found.encoder == identity.weights:
            entries += found.entries
        elif path == own:
            notes.append("This store's probabilities were fitted for another encoder; `calibrate()` fits them anew.")
    return Calibration(identity.weights, tuple(entries), tuple(notes))


def write(path: Path, calibration: Calibration) -> None:
    """Write it, all or nothing. Raises StoreUnwritableError."""
    fields = {
        "format": FORMAT,
        "encoder": calibration.encoder,
        "features": list(FEATURES),
        "models": [_entry_json(entry) for entry in calibration.entries],
    }
    fields["digest"] = json_digest(fields)
    try:
        write_atomically(path, (json.dumps(fields, indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise StoreUnwritableError(
            f"The calibration {path} cannot be written ({error.strerror or error}); free some space, mend the "
            "permissions, or name another file with `out`."
        ) from error


def remove(path: Path) -> bool:
    """Delete it; False when there is none. Raises StoreUnwritableError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreUnwritableError(
            f"The calibration {path} cannot be deleted ({error.strerror or error}); mend the permissions of its folder."
        ) from error
    return True


def read(path: Path) -> Calibration | None:
    """What is in a file; None when there is none. Raises UsageError when it does not read."""
    try:
        data = beginning(path, MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(
            f"The calibration {path} cannot be read ({reason(error)}), so probabilities come from the scores' spread "
            "alone; make it readable."
        ) from error
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it is longer than {MAX_BYTES:,} bytes")
        fields = json.loads(data)
        digest = fields.pop("digest", None)
        if digest not in (None, json_digest(fields)):
            raise ValueError("its digest is wrong")
        if fields["format"] == 1:  # without how far a hit stands above the mean
            raise UsageError(
                f"The calibration {path} is of an earlier version and is not used; `calibrate()` fits it anew."
            )
        if fields["format"] != FORMAT or fields["features"] != list(FEATURES):
            raise ValueError(f"format {fields['format']!r} is not {FORMAT}")
        return Calibration(str(fields["encoder"]), tuple(_entry(one) for one in fields["models"]))
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise _damaged(path, misread(error)) from error


def _entry_json(entry: Entry) -> dict[str, Any]:
    curve = entry.curve
    assert curve.typical is not None  # only fitted curves are written
    return {
        "asks": entry.asks,
        "finds": entry.finds,
        **({} if entry.form is None else {"form": entry.form}),
        "reranker": entry.reranker,
        "intercept": curve.intercept,
        "coefficients": dict(zip(FEATURES, curve.slopes, strict=True)),
        "null": _typical_json(curve.typical),
        "fitted_on": entry.fitted_on,
        "ece": entry.ece,
    }


def _entry(fields: dict[str, Any]) -> Entry:
    """Raises KeyError, TypeError or ValueError."""
    asks = _kind(fields["asks"])
    # Files of before texts were found by texts do not say it: what is found was the other kind.
    finds = _kind(fields.get("finds", "image" if asks == "text" else "text"))
    reranker = fields["reranker"]
    slopes = Slopes(*(_number(fields["coefficients"][name], 0.0) for name in FEATURES))
    curve = ProbabilityCurve(_number(fields["intercept"]), slopes, _typical(fields["null"]))
    fitted_on = dict(fields.get("fitted_on", {}))
    key, ece = None if reranker is None else str(reranker), _number(fields["ece"], 0.0)
    return Entry(asks, finds, key, curve, fitted_on, ece, _form(fields.get("form"), asks, finds))


def _kind(value: Any) -> Kind:
    kind = next((kind for kind in KINDS if kind == value), None)
    if kind is None:
        raise ValueError(f"a model is for {value!r}")
    return kind


def _form(value: Any, asks: Kind, finds: Kind) -> QueryForm | None:
    """Files of before there were several forms do not say it: captions asked, which are sentences."""
    if (asks, finds) != ("text", "image"):
        return None
    form = next((form for form in QUERY_FORMS if form == value), None if value is not None else "sentence")
    if form is None:
        raise ValueError(f"a model is for queries of the form {value!r}")
    return form


def _typical_json(typical: TypicalBackground) -> dict[str, float]:
    return {"mean": typical.mean, "spread": typical.spread}


def _typical(fields: dict[str, Any]) -> TypicalBackground:
    """Raises KeyError, TypeError or ValueError."""
    return TypicalBackground(_number(fields["mean"]), _number(fields["spread"], 0.0))


def _number(value: Any, least: float = -_LARGEST) -> float:
    number = float(value)
    if not (math.isfinite(number) and least <= number <= _LARGEST):
        raise ValueError(f"a number is {value!r}")
    return number


def _damaged(path: Path, problem: str) -> UsageError:
    return UsageError(
        f"The calibration {path} is damaged ({problem}), so probabilities come from the scores' spread alone; "
        "`calibrate()` writes it anew."
    )
