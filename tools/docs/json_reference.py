"""Writes docs/json.md from the schemas in docs/schemas: `python -m tools.docs.json_reference`.

`--check` writes nothing and fails when the page has drifted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
#: In the order of the page.
NAMES: Final = (
    "query",
    "index",
    "status",
    "roots",
    "roots-move",
    "export",
    "import",
    "merge",
    "split",
    "forget",
    "compact",
    "models",
    "doctor",
    "eval",
    "calibrate",
    "classify",
    "probe",
    "train",
    "train-encoder",
)
HEAD: Final = """\
# JSON

Every command that shows something takes `--json` and then prints one JSON value on stdout. Messages go to stderr, and
the exit codes are those of the [command line](cli.md). An error is no JSON: also with
`--json` it is a sentence on stderr, and the exit code tells (2 and more; 1 is an answer with nothing in it, 3 one with
files that failed).

* JSON is ASCII. A path that is not valid UTF-8 keeps its bytes as `\\udcXX` escapes; Python's `os.fsencode` gives them
  back.
* A program should ignore fields that it does not know. `schema` grows only when a field changes its meaning or goes.
* Each command has a [JSON Schema](https://json-schema.org) (2020-12). The tests check real output against it. The
  schemas allow no other fields, so that a new field cannot be forgotten here.

This page is made from the schemas: `python -m tools.docs.json_reference`.
"""


def page() -> str:
    """The whole page, from the schemas."""
    return "\n".join([HEAD, *(_section(name) for name in NAMES)])


def _section(name: str) -> str:
    schema: dict[str, Any] = json.loads((DOCS / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    lines = [
        f"## `{schema['title']}`",
        "",
        f"{schema['description']} Schema: [{name}](schemas/{name}.schema.json).",
        "",
    ]
    for example in sorted((DOCS / "examples").glob(f"{name}.*json")):
        lines += ["```json", example.read_text(encoding="utf-8").rstrip(), "```", ""]
    if schema["type"] == "array":
        lines += ["A list of objects:", ""]
    lines += _table(schema.get("items", schema))
    for inner, definition in schema.get("$defs", {}).items():
        lines += [f"**{inner}**", "", *_table(definition)]
    return "\n".join(lines)


def _table(schema: dict[str, Any]) -> list[str]:
    if "properties" not in schema:
        return []
    rows = _rows(schema, "")
    return ["| field | type | meaning |", "|---|---|---|", *rows, ""]


def _rows(schema: dict[str, Any], before: str) -> list[str]:
    """One row a field; the fields of an object that has no name of its own follow it, as `outer.inner`."""
    rows = []
    for name, field in schema["properties"].items():
        inner = _bare(field)
        given = "" if name in schema.get("required", ()) else " Not always there."
        rows.append(f"| `{before}{name}` | {_type(field)} | {field.get('description', '')}{given} |")
        mark = "[]" if inner.get("type") == "array" else ""
        inner = _bare(inner.get("items", inner))
        if "properties" in inner:
            rows += _rows(inner, f"{before}{name}{mark}.")
    return rows


def _bare(field: dict[str, Any]) -> dict[str, Any]:
    """Without "or null"."""
    found: dict[str, Any] = next((one for one in field.get("anyOf", ()) if one.get("type") != "null"), field)
    return found


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[1]
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{json.dumps(one)}`" for one in field["enum"])
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    names = [f"list of {_type(field['items'])}" if kind == "array" else kind for kind in kinds]
    if field["type"] == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"object of {_type(field['additionalProperties'])}"
    return " or ".join(names)


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is as it would be written."""
    path = DOCS / "json.md"
    if "--check" in arguments:
        same = path.exists() and path.read_text(encoding="utf-8") == page()
        print("docs/json.md is up to date" if same else "docs/json.md has drifted: python -m tools.docs.json_reference")
        return 0 if same else 1
    path.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
