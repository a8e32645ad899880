"""Whether the server is there, and what it does for who asks."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

import search
from search.web.file_manager import has_file_manager
from search.web.hosts import sits_here
from search.web.service import Served

router = APIRouter(tags=["server"])


class Health(BaseModel):
    """It answers."""

    status: Literal["ok"] = "ok"
    version: str
    paths: bool = Field(description="Whether it tells this client whole paths, with `paths=true`.")
    reveal: bool = Field(description="Whether it shows this client a photograph in a file manager.")


@router.get("/health")
async def health(service: Served, request: Request) -> Health:
    """Whether the server is there, its version, and what it does for this client."""
    reveals = sits_here(request.scope, service.settings) and has_file_manager()
    return Health(version=search.__version__, paths=service.tells_paths, reveal=reveals)
