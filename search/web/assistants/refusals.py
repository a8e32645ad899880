"""What is wrong with the call of a tool, as one sentence: the assistant that reads it calls again."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp_types import CallToolResult, InputRequiredResult
from pydantic import ValidationError

from search.web import invalid
from search.web.assistants import briefly


class PlainServer(MCPServer[None]):
    """A server of tools that says what is wrong in a sentence, without the names of Python and its libraries."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """See `mcp`. Raises ToolError, whose sentence is for the assistant."""
        taken = {each.name: each.input_schema.get("properties", {}) for each in await self.list_tools()}
        if name not in taken:
            raise ToolError(f"There is no tool {briefly.short(repr(name))}; call one of {_listed(list(taken))}.")
        for each in arguments:
            if each not in taken[name]:
                known = f"it takes {_listed(list(taken[name]))}" if taken[name] else "it takes none"
                raise ToolError(f"{briefly.short(repr(each))} is no argument of `{name}`; {known}.")
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError as error:  # whose text stays here, in the log
            raise UnexpectedToolError(f"The tool `{name}` made an error; try again, or ask for something else.") from (
                error.__cause__ or error
            )
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(_wrong(name, error.__cause__)) from error.__cause__
            if isinstance(error.__cause__, ToolError):
                raise ToolError(str(error.__cause__)) from error.__cause__  # without the name of the tool before it
            raise


def _wrong(tool: str, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"`{where}` is missing; call `{tool}` again with it."
    reason = invalid.why(first).reason
    return briefly.short(f"`{where}` cannot be used ({reason}); call `{tool}` again with another.")


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
