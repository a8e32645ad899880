"""What every HTML page shares: pictures inside the file, escaped text, and one write, all or nothing."""

from __future__ import annotations

import base64
import html
import os
import tempfile
from pathlib import Path

from indexer.errors import FileError, UsageError
from indexer.images.decoder import read_file, thumbnail
from indexer.settings import DecodeLimits
from indexer.types import Candidate


def document(title: str, style: str, body: str) -> str:
    """A whole page. `title` and `body` are HTML; the policy lets it load nothing, from anywhere."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def write_page(path: Path, page: str, what: str) -> None:
    """Write a page to `path`, all or nothing. Raises UsageError, naming it `what`, when that cannot be written."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".sheet-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(page.encode("utf-8"))
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
            os.replace(name, path)
        except OSError:
            os.unlink(name)
            raise
    except OSError as error:
        raise UsageError(f"{what} {path} cannot be written ({error.strerror}); name another file.") from error


def picture(path: str, side: int) -> str | None:
    """A data: address of the picture's thumbnail, its longer side at most `side` pixels; None when it has none."""
    limits = DecodeLimits()
    try:
        status = os.stat(path)
        data = thumbnail(read_file(Candidate(path, status.st_size, status.st_mtime_ns), limits), limits, side)
    except (OSError, FileError):
        return None
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def escape(text: str) -> str:
    """Text for HTML; bytes of a path that are no UTF-8 become question marks."""
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"))
