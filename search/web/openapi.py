"""The document of the API (OpenAPI), with the problems that every route may answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from search.web.freshness import CONDITION
from search.web.problems import Problem


def document(app: FastAPI) -> dict[str, Any]:
    """FastAPI's own, with the schema of problems; its own schemas of errors, which nothing here answers, are left
    out."""
    made = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    for path in made["paths"].values():
        for operation in path.values():
            _note_unchanged(operation)
    return made


def _note_unchanged(operation: dict[str, Any]) -> None:
    """Of what has an ETag: the answer to a client that has it already."""
    if not any(each["name"] == CONDITION for each in operation.get("parameters", ())):
        return
    operation["responses"]["304"] = {"description": "What the client has is what it would get."}
    operation["responses"]["200"].setdefault("headers", {})["ETag"] = {"schema": {"type": "string"}}
