"""Writes the twenty lines and the table of fields into docs/query-language.md: `python -m tools.docs.query_reference`.

`--check` writes nothing and fails when one of them has drifted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from search.query.examples import EXAMPLES
from search.query.fields import FIELDS, Field

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "query-language.md"
BEGIN: Final = "<!-- fields: made by python -m tools.docs.query_reference -->\n"
END: Final = "<!-- end of fields -->\n"
BEGIN_LINES: Final = "<!-- lines: made by python -m tools.docs.query_reference -->\n"
END_LINES: Final = "<!-- end of lines -->\n"


def table() -> str:
    """All fields, in their order."""
    heads = ["| field | option | what it says | as in |", "|---|---|---|---|"]
    return "\n".join([*heads, *map(_row, FIELDS.values()), ""])


def _row(field: Field) -> str:
    examples = ", ".join(f"`{field.name}:{each}`" for each in field.example.split("  "))
    cells = (f"`{field.name}:`", f"`{field.option} {field.value}`", field.says, examples)
    return f"| {' | '.join(map(_escaped, cells))} |"


def lines() -> str:
    """The twenty lines."""
    rows = [f"| `{_escaped(line)}` | {_escaped(said)} |" for line, said in EXAMPLES]
    return "\n".join(["| line | what it asks |", "|---|---|", *rows, ""])


def _escaped(text: str) -> str:
    return text.replace("|", chr(92) + "|")


def page(text: str) -> str:
    """The page with both tables as they have to be. Raises ValueError where their marks are missing."""
    for begins, made, ends in ((BEGIN_LINES, lines(), END_LINES), (BEGIN, table(), END)):
        before, begin, rest = text.partition(begins)
        _, end, after = rest.partition(ends)
        if not begin or not end:
            raise ValueError(f"{PAGE.name} has no place for a table")
        text = f"{before}{begins}\n{made}\n{ends}{after}"
    return text


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is as it would be written."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = page(text)
    if "--check" in arguments:
        print(
            f"{PAGE.name} {'is up to date' if text == wanted else 'has drifted: python -m tools.docs.query_reference'}"
        )
        return 0 if text == wanted else 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
