"""Whether the server is there."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

import search

router = APIRouter(tags=["server"])


class Health(BaseModel):
    """It answers."""

    status: Literal["ok"] = "ok"
    version: str


@router.get("/health")
async def health() -> Health:
    """Whether the server is there, and its version."""
    return Health(version=search.__version__)
