"""`store.toml` in the folder of a store: what a person says of where its parts are kept.

    [vectors]
    url = "postgresql://user@host/database"     or "milvus://host:19530", "milvus+tls://host:19530"
    name = "photos"                             what the indexes are called there; by default a digest

It holds no secrets: passwords come from the environment. Light: what reads it is imported where there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from indexer.errors import UsageError
from indexer.reach import beginning, reason

if TYPE_CHECKING:
    from urllib.parse import SplitResult

#: The file's name.
STORE_TOML: Final = "store.toml"
#: More than anybody writes.
_MOST: Final = 64_000
#: Fits with kind, generation and a random part into a name of PostgreSQL, 63 bytes.
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,19}")
#: By scheme: where a password comes from, and the settings that may follow a "?" (of libpq: how to connect; none that
#: names a file of secrets or another server).
_SCHEMES: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "postgresql": (
        "PGPASSWORD or ~/.pgpass",
        frozenset({"application_name", "connect_timeout", "options", "sslmode", "sslrootcert", "target_session_attrs"}),
    ),
    "milvus": ("MILVUS_TOKEN", frozenset()),
    "milvus+tls": ("MILVUS_TOKEN", frozenset()),
}


@dataclass(frozen=True, slots=True)
class VectorsPlace:
    """`[vectors]`: the `url` of a server, without secrets, its `scheme`, and what the indexes are called there."""

    url: str
    scheme: str
    name: str | None

    @property
    def host(self) -> str:
        """Where secrets would go."""
        from urllib.parse import urlsplit

        return urlsplit(self.url).hostname or ""

    @property
    def server(self) -> str:
        """As sentences name it: without settings."""
        return self.url.partition("?")[0]


def vectors_place(folder: Path) -> VectorsPlace | None:
    """What the file of the store in `folder` says of its vectors; None where it says nothing, or there is none.

    Raises UsageError.
    """
    path = folder / STORE_TOML
    try:
        given = beginning(path, _MOST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path} cannot be read ({why}); make it readable, or delete it.") from error
    import tomllib

    try:
        content = tomllib.loads(given.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no TOML ({error}); mend it, or delete it.") from error
    _known(path, content, {"vectors"}, "")
    if "vectors" not in content:
        return None
    vectors = content["vectors"]
    if not isinstance(vectors, dict):
        raise UsageError(f"{path} gives vectors a value, and it is a section; write [vectors] and below it url = ...")
    _known(path, vectors, {"url", "name"}, "[vectors] ")
    url, name = vectors.get("url"), vectors.get("name")
    if not isinstance(url, str):
        raise UsageError(f'{path} names no server in [vectors]; write url = "postgresql://USER@HOST/DATABASE" there.')
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise UsageError(
            f"{path} gives [vectors] a name of which no server makes a table ({name!r}); write up to 20 small letters, "
            "digits and _, a letter first."
        )
    return VectorsPlace(url, _scheme(path, url), name)


def _known(path: Path, section: dict[str, Any], names: set[str], where: str) -> None:
    unknown = sorted(section.keys() - names)
    if unknown:
        raise UsageError(
            f"{path} has {where}{unknown[0]}, which is not known; mend the name (there are "
            f"{', '.join(sorted(names))}), or delete the line."
        )


def _scheme(path: Path, url: str) -> str:
    """Raises UsageError for a URL that is none of ours, or holds a secret."""
    from urllib.parse import parse_qsl, urlsplit

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{path} has a url that is none ({error}); write postgresql://USER@HOST/DATABASE.") from error
    if parts.scheme not in _SCHEMES:
        raise UsageError(
            f"{path} names a server of a kind that is not known ({_shown(parts)}); there are postgresql://, milvus:// "
            "and milvus+tls://."
        )
    secrets, settings = _SCHEMES[parts.scheme]
    given = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    if parts.password is not None or "password" in given or "token" in given:
        raise UsageError(f"{path} has a password in its url; take it out, and give it by {secrets}.")
    wrong = next((name for name in given if name not in settings), None)
    if wrong is not None or parts.fragment:
        raise UsageError(
            f"{path} has a setting in its url that is not known ({wrong or parts.fragment}); take it out"
            + (f", there are {', '.join(sorted(settings))}." if settings else ".")
        )
    if not parts.hostname or port == 0:
        raise UsageError(f"{path} has a url without a host ({_shown(parts)}); write {parts.scheme}://HOST.")
    if parts.scheme != "postgresql" and parts.username is not None:
        raise UsageError(f"{path} has a user in its url; take it out, and give USER:PASSWORD by {secrets}.")
    return parts.scheme


def _shown(parts: SplitResult) -> str:
    """Of a URL that is wrong: nothing that may be a secret."""
    return f"{parts.scheme}://{parts.hostname or ''}" if parts.scheme else "no scheme"
