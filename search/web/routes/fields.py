"""The query language, for completion and help."""

from __future__ import annotations

from fastapi import APIRouter

from search.web.models.fields import Language, language

router = APIRouter(tags=["search"])
#: Fields whose values a store can list.
LISTED: frozenset[str] = frozenset()


@router.get("/fields", response_model_exclude_none=True)
async def fields() -> Language:
    """The fields of the query language, and twenty lines that show it."""
    return language(LISTED)
