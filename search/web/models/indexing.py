"""Indexed folders, and how far indexing is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field

import search
from indexer.types import Failure
from search.web.indexing.run import RunState, StateName
from search.web.models.base import Model
from search.web.models.failures import FailedFile
from search.web.models.ids import Id
from search.web.problems import Problem
from search.web.shown import Shown, as_text, named


class Collection(Model):
    """An indexed folder."""

    id: int = Field(description="Stays the same as long as the folder is indexed.")
    name: str = Field(description="Of the folder, without those above it.")
    folder: str | None = Field(None, description="Its whole path, with `paths=true` where the server tells it.")
    images: int = Field(ge=0, description="Those of folders inside that are indexed by themselves count, too.")
    photographs: int = Field(ge=0, description="The images without copies of one another.")
    texts: int = Field(ge=0, description="Captions.")
    present: bool = Field(description="Whether the folder can be reached now; its drive may be away.")
    indexed_at: datetime | None = Field(None, description="When it was last looked through to its end.")

    @classmethod
    def of(cls, found: search.Collection, shown: Shown) -> Collection:
        """As a library has it."""
        return cls(
            id=found.id,
            name=as_text(named(found.path)),
            folder=shown.path(found.path),
            images=found.images,
            photographs=found.photographs,
            texts=found.texts,
            present=found.present,
            indexed_at=None if found.indexed_at is None else datetime.fromisoformat(found.indexed_at),
        )


class IndexingOrder(Model):
    """What to look through."""

    collections: list[Id] | None = Field(
        None, min_length=1, max_length=1_000, description="Ids from /collections; none: all folders that are indexed."
    )
    verify: bool = Field(False, description="Read every file and compare its content, whatever its size and times say.")


class IndexingReport(Model):
    """What a complete run did, in files."""

    encoded: int = Field(description="Images decoded and encoded.")
    reused: int = Field(description="New paths of known content: moved or copied files.")
    unchanged: int
    texts: int = Field(description="Texts encoded.")
    vanished: int = Field(description="No longer there.")
    altered: int = Field(description="Other bytes, though size and time of change were as before.")
    failed: int = Field(description="New failures, or for another reason than before.")
    known_failures: int
    failures: list[FailedFile] = Field(description="The first 50 of those that failed.")
    warnings: list[str]
    seconds: float

    @classmethod
    def of(cls, report: dict[str, Any], shown: Shown) -> IndexingReport:
        """As the process has told it (`indexing.messages.Teller`)."""
        failures = [FailedFile.of(Failure(**each), shown) for each in report["failures"]]
        warnings = [shown.sentence(each) for each in report["warnings"]]
        numbers = {name: report[name] for name in cls.model_fields if name not in ("failures", "warnings")}
        return cls(**numbers, failures=failures, warnings=warnings)


class IndexingState(Model):
    """How far indexing is; of the last run since the server started."""

    state: StateName
    phase: str | None = Field(None, description="The step at work, as a sentence says it.")
    done: int = Field(ge=0, description="Files of the folder at work that were read; they are stored within a second.")
    total: int | None = Field(None, ge=0, description="Files of it to be read, once that is known.")
    images_per_second: float | None = None
    started: datetime | None = None
    report: IndexingReport | None = Field(None, description="Of a complete run.")
    problem: Problem | None = Field(None, description="Why it failed.")

    @classmethod
    def of(cls, state: RunState, store: Path) -> IndexingState:
        """Without a path of this machine. `store`: the folder of the store."""
        shown = Shown(state.roots, store)
        problem = state.problem
        return cls(
            state=state.state,
            phase=None if state.phase is None else shown.sentence(state.phase),
            done=state.done,
            total=state.total,
            images_per_second=state.images_per_second,
            started=state.started,
            report=None if state.report is None else IndexingReport.of(state.report, shown),
            problem=problem and problem.model_copy(update={"detail": shown.sentence(problem.detail)}),
        )
