"""Writes the table of fields into docs/query-language.md: `python -m tools.docs.query_reference`.

`--check` writes nothing and fails when the table has drifted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from search.query.fields import FIELDS, Field

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "query-language.md"
BEGIN: Final = "<!-- fields: made by python -m tools.docs.query_reference -->\n"
END: Final = "<!-- end of fields -->\n"


def table() -> str:
    """All fields, in their order."""
    heads = ["| field | option | what it says | as in |", "|---|---|---|---|"]
    return "\n".join([*heads, *map(_row, FIELDS.values()), ""])


def _row(field: Field) -> str:
    examples = ", ".join(f"`{field.name}:{each}`" for each in field.example.split("  "))
    cells = (f"`{field.name}:`", f"`{field.option} {field.value}`", field.says, examples)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def page(text: str) -> str:
    """The page with the table as it has to be. Raises ValueError where its marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the table")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


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
