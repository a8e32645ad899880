"""What a path says by its letters of where it lies: a URL, or inside a container (a tar, a table of names). Light.

`/photos/a.tar/000001.jpg` is a member of the tar `/photos/a.tar` where that is a file, and an ordinary path where it is
a folder.
"""

from __future__ import annotations

import os
import re
from typing import Final

from indexer.errors import UsageError

#: A scheme has two letters at least: one is a drive of Windows.
_URL: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
#: A URL as `pathlib` leaves it.
_COLLAPSED: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/(?!/)")
_CONTAINER: Final = re.compile(r"\.(?:tar|parquet)(?=/|\Z)", re.IGNORECASE)
#: Names of what grants access, in the query of a URL: signed addresses of S3, Google and Azure, and tokens.
_SECRET: Final = re.compile(
    r"[?&](?:x-(?:amz|goog)-[a-z-]+|awsaccesskeyid|signature|sig|token|access_token|[a-z_-]*key|password|secret)=",
    re.IGNORECASE,
)


#: The end of the name of a table of names.
NAMES: Final = ".parquet"


def is_url(path: str) -> bool:
    """Whether a path of the catalog is a URL."""
    return "://" in path and _URL.match(path) is not None


def scheme_of(url: str) -> str:
    """The scheme of a URL, in small letters."""
    return url.partition("://")[0].lower()


def url_of(named: str | os.PathLike[str]) -> str | None:
    """The URL that a person named, as paths of the catalog write it: no slash at its end. None for what is none.

    A path that `pathlib` made of a URL is understood, where no file is called so. Raises UsageError for one that holds
    what grants access: it would stand in the catalog, in answers and in logs.
    """
    text = os.fspath(named)
    if isinstance(named, os.PathLike) and _COLLAPSED.match(text) and not os.path.lexists(text):
        text = text.replace(":/", "://", 1)
    match = _URL.match(text)
    if match is None or match[1].lower() in ("file", "local"):
        return None
    if "::" in text:
        raise UsageError(f"{_without_secrets(text)} is a chain of addresses, and only plain ones are read; name one.")
    host = text[match.end() :].partition("/")[0]
    if ":" in host.rpartition("@")[0] or _SECRET.search(text):
        raise UsageError(
            f"{_without_secrets(text)} holds a password or a key, which would be kept and shown with it; leave it out, "
            "and give it in the environment (for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws)."
        )
    return match[1].lower() + "://" + text[match.end() :].rstrip("/")


def container_of(path: str) -> str | None:
    """The container that a path is, or lies in: the outermost one by its letters, which of local paths is a file; None
    where there is none."""
    match = _CONTAINER.search(path)
    if match is None:
        return None
    if is_url(path):
        return path[: match.end()]
    while match is not None:
        if os.path.isfile(path[: match.end()]):
            return path[: match.end()]
        match = _CONTAINER.search(path, match.end())
    return None


def is_elsewhere(path: str) -> bool:
    """Whether a path is no path of the file system: a URL, or inside a container."""
    return is_url(path) or container_of(path) not in (None, path)


def is_container(path: str) -> bool:
    """Whether a path is a container, of which the members are read."""
    return container_of(path) == path


def normal(path: str) -> str:
    """`os.path.normpath` for a path of the catalog: what follows the scheme of a URL alone."""
    match = _URL.match(path)
    if match is None:
        return os.path.normpath(path)
    rest = os.path.normpath("/" + path[match.end() :]).lstrip("/")
    return path[: match.end()] + rest


def _without_secrets(url: str) -> str:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    shown = host.rpartition("@")[2]
    return f"{scheme}://{shown}{slash}{path.partition('?')[0]}"
