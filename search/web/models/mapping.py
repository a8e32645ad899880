"""The map of the collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from search.projection.photo_map import Cluster as FoundCluster
from search.projection.photo_map import PhotoMap
from search.web.indexing.run import RunState
from search.web.models.base import Model
from search.web.problems import Problem
from search.web.shown import as_text


class MapState(Model):
    """Whether there is a map, and how far one is that is being made."""

    state: Literal["missing", "computing", "ready", "failed"] = Field(
        description="`failed`: the last try to make one, since the server started."
    )
    count: int | None = Field(default=None, description="Photographs on it.")
    placed: int | None = Field(
        default=None, description="Of these, how many came since it was made, and lie beside their like."
    )
    generation: int | None = Field(default=None, description="Of the catalog that it shows.")
    phase: str | None = Field(default=None, description="The step at work.")
    done: int = Field(default=0, description="Parts of that step that are done.")
    total: int | None = Field(default=None, description="All its parts.")
    problem: Problem | None = Field(default=None, description="Why it failed.")

    @classmethod
    def of(cls, run: RunState, found: PhotoMap | None, sentence: Callable[[str], str]) -> MapState:
        """Of the last run, and the map that is kept. `sentence`: what of a sentence may be told."""
        if run.is_active:
            return cls(state="computing", phase=run.phase, done=run.done, total=run.total)
        if found is not None:
            return cls(state="ready", count=len(found), placed=found.placed, generation=found.generation)
        if run.state == "failed" and run.problem is not None:
            told = run.problem.model_copy(update={"detail": sentence(run.problem.detail)})
            return cls(state="failed", problem=told)
        return cls(state="missing")


class MapCluster(Model):
    """A group of photographs on the map."""

    name: str = Field(description="A word that fits it better than it fits the collection; no two are the same.")
    x: float = Field(description="Its middle, -1 to 1.")
    y: float = Field(description="Upwards.")
    count: int = Field(description="Its photographs, when the map was made.")

    @classmethod
    def of(cls, found: FoundCluster) -> MapCluster:
        """As a library has it."""
        return cls(name=as_text(found.name), x=round(found.x, 5), y=round(found.y, 5), count=found.count)


class MapLevel(Model):
    """Groups of one size."""

    level: int = Field(ge=0, description="0: the coarse ones, of the whole map; then finer ones.")
    clusters: list[MapCluster]

    @classmethod
    def all_of(cls, found: PhotoMap) -> list[MapLevel]:
        """Every level, each with its largest group first."""
        levels = sorted({each.level for each in found.clusters})
        ordered = sorted(found.clusters, key=lambda each: (-each.count, each.name))
        return [
            cls(level=level, clusters=[MapCluster.of(each) for each in ordered if each.level == level])
            for level in levels
        ]
