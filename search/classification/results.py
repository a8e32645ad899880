"""What classifying and training answer: value objects, and the JSON of `search classify` and `search probe train`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from indexer.types import Failure, Float32, Int64
from search.classification.linear_probe import word
from search.classification.report import ClassificationReport
from search.results import Match

#: Version of the JSON of both; it grows when a field changes its meaning or goes.
CLASSIFICATION_SCHEMA = 1

Method = Literal["probe", "zero-shot"]
"""How photographs were classified: by a probe that was trained on examples, or by the names of the classes."""


@dataclass(frozen=True, slots=True)
class ClassShare:
    """One class of one photograph. `probability`: that it is this one of the classes, 0 to 1, where that was fitted;
    else it is None, and `match` a word."""

    name: str
    probability: float | None
    match: Match | None

    def to_json(self) -> dict[str, Any]:
        """The object of the class."""
        if self.probability is None:
            return {"class": self.name, "match": self.match}
        return {"class": self.name, "probability": round(self.probability, 4)}


@dataclass(frozen=True, slots=True)
class Classified:
    """One photograph. `classes`: the most probable first. `id`: as hits have it, None of a file that was named."""

    path: str
    id: int | None
    classes: tuple[ClassShare, ...]

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object."""
        own: dict[str, Any] = {} if self.id is None else {"id": self.id}
        return {**own, "path": self.path, "classes": [each.to_json() for each in self.classes]}


@dataclass(frozen=True, slots=True, eq=False)
class Classification(Sequence[Classified]):
    """Photographs and their classes: named ones in the order of their folders, those of a store in that of their ids.

    Kept in columns, 200 bytes a photograph: `paths`; `ids` (n,) int64, None of files that were named; `order` (n, top)
    int64, positions in `classes`, best first; `shares` (n, top) float32, probabilities where `calibrated`. `probe`: its
    file, None of names. `by_chance`: positions in `classes` of names that say nothing to the encoder, which are "weak"
    whatever their share. `failures`: files that cannot be used. `report`: what it did, where the right classes are
    known. `notes`: sentences that a person should see.
    """

    method: Method
    classes: tuple[str, ...]
    encoder: str
    calibrated: bool
    paths: Sequence[str]
    order: Int64
    shares: Float32
    ids: Int64 | None = None
    probe: str | None = None
    by_chance: frozenset[int] = frozenset()
    report: ClassificationReport | None = None
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Classified: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Classified, ...]: ...
    def __getitem__(self, index: int | slice) -> Classified | tuple[Classified, ...]:
        if isinstance(index, slice):
            return tuple(self._row(at) for at in range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._row(index % len(self))

    def __iter__(self) -> Iterator[Classified]:
        return map(self._row, range(len(self)))

    def _row(self, at: int) -> Classified:
        pairs = zip(self.order[at].tolist(), self.shares[at].tolist(), strict=True)
        classes = (
            ClassShare(self.classes[column], share, None)
            if self.calibrated
            else ClassShare(self.classes[column], None, "weak" if column in self.by_chance else word(share))
            for column, share in pairs
        )
        return Classified(self.paths[at], None if self.ids is None else int(self.ids[at]), tuple(classes))

    def head_json(self) -> dict[str, Any]:
        """All but the photographs."""
        return {
            "schema": CLASSIFICATION_SCHEMA,
            "method": self.method,
            "probe": self.probe,
            "encoder": self.encoder,
            "calibrated": self.calibrated,
            "classes": list(self.classes),
            "report": None if self.report is None else self.report.to_json(),
            "failures": [{"path": each.path, "reason": each.reason} for each in self.failures],
            "notes": list(self.notes),
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object of `search classify --json`."""
        return {**self.head_json(), "photographs": [each.to_json() for each in self]}


@dataclass(frozen=True, slots=True, eq=False)
class TrainedProbe:
    """A probe that was trained. `path`: its file; `examples`: photographs that it was fitted to; `stored`, `cached`,
    `encoded`: where vectors came from.

    `measured_on`: "held out", a fifth of the examples that the measured probe had not seen (the saved one was then
    fitted to all), or the folder of the test; None where there was too little. `report`: of the probe; `names`,
    `templates`: of zero-shot with the class names on the same photographs, bare and in templates. `strength`: C;
    `cross_validation`: by C the mean per-class accuracy that it was chosen by.
    """

    path: str
    classes: tuple[str, ...]
    encoder: str
    examples: int
    stored: int
    cached: int
    encoded: int
    strength: float
    cross_validation: dict[float, float]
    measured_on: str | None
    report: ClassificationReport | None
    names: ClassificationReport | None
    templates: ClassificationReport | None
    calibrated: bool
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object of `search probe train --json`."""
        reports = {"probe": self.report, "names": self.names, "templates": self.templates}
        return {
            "schema": CLASSIFICATION_SCHEMA,
            "path": self.path,
            "encoder": self.encoder,
            "classes": list(self.classes),
            "examples": self.examples,
            "vectors": {"stored": self.stored, "cached": self.cached, "encoded": self.encoded},
            "strength": self.strength,
            "cross_validation": [
                {"strength": strength, "mean_accuracy": round(value, 6)}
                for strength, value in self.cross_validation.items()
            ],
            "calibrated": self.calibrated,
            "measured_on": self.measured_on,
            "reports": {name: None if one is None else one.to_json() for name, one in reports.items()},
            "failures": [{"path": each.path, "reason": each.reason} for each in self.failures],
            "notes": list(self.notes),
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }
