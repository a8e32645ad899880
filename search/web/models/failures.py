"""Files that could not be indexed."""

from __future__ import annotations

from pydantic import Field

from indexer.types import Failure
from search.web.models.base import Model
from search.web.shown import Shown


class FailedFile(Model):
    """A file that could not be indexed."""

    name: str
    folder: str = Field(description="The name of the indexed folder and the path below it.")
    path: str | None = Field(None, description="The whole path, with `paths=true` where the server tells it.")
    reason: str

    @classmethod
    def of(cls, failure: Failure, shown: Shown) -> FailedFile:
        """As a library has it."""
        folder, name = shown.place(failure.path)
        return cls(name=name, folder=folder, path=shown.path(failure.path), reason=shown.sentence(failure.reason))
