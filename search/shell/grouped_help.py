"""The help of a command with many options: under headings, in the order in which they are declared."""

from __future__ import annotations

from typing import Any

import typer.core


class GroupedCommand(typer.core.TyperCommand):
    """A command whose options stand in its help by their groups (`options.Option.group`). Typer does so with rich
    alone, which takes longer to import than the help to print."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            said = parameter.get_help_record(ctx)
            if said is None:
                continue
            if parameter.param_type_name == "argument":
                groups.setdefault("Arguments", []).append((_named(parameter), said[1]))
            else:
                groups.setdefault(getattr(parameter, "rich_help_panel", None) or "Options", []).append(said)
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows)


def _named(argument: Any) -> str:
    """As the usage line names it; Typer's record adds the type as Python spells it."""
    name = argument.metavar or str(argument.name).upper()
    return f"{name}..." if argument.nargs == -1 else name
