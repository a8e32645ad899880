"""The indexed folders."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from search.web.indexing.collections import is_present, name_of
from search.web.service import Served

router = APIRouter(tags=["indexing"])


class Collection(BaseModel):
    """An indexed folder."""

    id: int = Field(description="Stays the same as long as the folder is indexed.")
    name: str = Field(description="Of the folder, without those above it.")
    folder: str | None = Field(
        default=None, description="Its whole path, with `paths=true` where the server tells paths."
    )
    images: int = Field(ge=0)
    texts: int = Field(ge=0, description="Captions.")
    present: bool = Field(description="Whether the folder can be reached now; its drive may be away.")
    indexed_at: datetime | None = Field(default=None, description="When it was last looked through to its end.")


@router.get("/collections", response_model_exclude_none=True)
def collections(service: Served, paths: bool = False) -> list[Collection]:
    """The indexed folders, by their paths."""
    tell = paths and service.settings.tells_paths
    return [
        Collection(
            id=each.id,
            name=name_of(each.path),
            folder=each.path if tell else None,
            images=each.images,
            texts=each.texts,
            present=is_present(each),
            indexed_at=None if each.scanned_at is None else datetime.fromisoformat(each.scanned_at),
        )
        for each in service.collections.all()
    ]
