"""Writes docs/openapi.json, the document of the HTTP API, from the application: `python -m tools.docs.openapi`.

`--check` writes nothing and fails when the document has drifted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from search.web.app import create_app
from search.web.settings import ServeSettings

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def page() -> str:
    """The document, as the server gives it; no store is looked at."""
    app = create_app(Path("photos.search"), ServeSettings())
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the document, or with `--check` say whether it is as it would be written."""
    if "--check" in arguments:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        print(f"{PAGE.name} {'is up to date' if same else 'has drifted: python -m tools.docs.openapi'}")
        return 0 if same else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
