"""The query language, for completion and help."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from search.calls.field_values import LISTED
from search.web.models.fields import Language, language

router = APIRouter(tags=["search"])
#: Fields whose values `/values` lists, by their own names.
_LISTED: Final = frozenset({"near" if each == "place" else each for each in LISTED})


@router.get("/fields", response_model_exclude_none=True)
async def fields() -> Language:
    """The fields of the query language, and twenty lines that show it."""
    return language(_LISTED)
