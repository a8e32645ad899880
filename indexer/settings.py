"""Settings: small frozen value objects, a reason beside every default, SEARCH_* variables over them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from indexer.arguments import check_fields, flag, instance, optional, several, text, whole
from indexer.errors import UsageError
from indexer.paths import absolute

#: The catalog in the folder of a store: the file that makes it one.
CATALOG_NAME = "catalog.sqlite"
#: In its place, the address of a catalog that lies on a server (`store_address.py`).
ADDRESS_NAME = "catalog.url"
#: The folder of the thumbnails, in that of a store.
THUMBNAILS = "thumbnails"
#: The folder of the map.
MAP = "map"

#: Junk that cameras, phones, file servers and build tools leave beside photographs. With these patterns, by gitignore's
#: rules, every root begins.
DEFAULT_IGNORES: tuple[str, ...] = (
    ".*",  # hidden files and folders, ._* resource forks of macOS, .thumbnails, .git
    "@eaDir",  # Synology's thumbnails
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "node_modules",
    "__pycache__",
    "Thumbs.db",
    "desktop.ini",
)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Bounds on one file, so that a hostile or broken one cannot take the machine's memory.

    The largest medium-format cameras make 150 megapixels and panoramas reach a few hundred; 256 million pixels of
    RGB are 768 MB while they are decoded. A TIFF of that size without compression is near 1 GB.
    """

    max_pixels: int = 256_000_000
    max_bytes: int = 1_000_000_000

    def __post_init__(self) -> None:
        check_fields(self, max_pixels=whole(1), max_bytes=whole(1))


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """How a run of the indexer works."""

    #: Patterns, by gitignore's rules, that join those which the folders of this run have already; they stay with them.
    ignores: tuple[str, ...] = ()
    #: Patterns that are taken from them.
    unignores: tuple[str, ...] = ()
    #: Whether they have `DEFAULT_IGNORES`. None: as before, and at first yes.
    default_ignores: bool | None = None
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    #: Threads that read and decode; Pillow gives up the GIL while it decodes, so one a core keeps them all busy.
    workers: int = field(default_factory=lambda: environment_int("SEARCH_WORKERS", os.cpu_count() or 1))
    #: Decoded batches that may wait for the encoder: enough to hide a slow file, little memory.
    queued_batches: int = 3
    #: Whether tokens for reranking are kept, where the encoder yields them. None: what the store was last told, and at
    #: first yes, because they cost a few kB an image and a run that adds them later decodes everything again.
    tokens: bool | None = None
    #: Whether thumbnails are made too, of the photographs that a run reads and of all that have none; otherwise each is
    #: made when it is looked at first.
    thumbnails: bool = False

    def __post_init__(self) -> None:
        check_fields(
            self,
            ignores=several(text),
            unignores=several(text),
            default_ignores=optional(flag),
            limits=instance(__name__, "DecodeLimits"),
            workers=whole(1),
            queued_batches=whole(0),
            tokens=optional(flag),
            thumbnails=flag,
        )


@dataclass(frozen=True, slots=True)
class ResidentSettings:
    """How a server answers the commands of the shell over the store's private socket."""

    #: Seconds without a command after which one without a page leaves and gives its memory back (0.45 GB of its own
    #: with the bundled encoder): a pause between two searches is shorter, a lunch break is longer.
    idle: float = 900.0
    #: Seconds that a command waits behind others. A command that runs by itself takes about as long.
    patience: float = 1.0
    #: Seconds for another process to leave or to become ready: an encoder on torch takes 5 to 10 to load.
    change: float = 30.0


def environment_int(name: str, default: int) -> int:
    """A positive whole number from the environment. Raises UsageError when it is anything else."""
    given = os.environ.get(name, "").strip()
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise UsageError(f"{name}={given!r} is not a positive whole number; correct it or unset it.")
    return int(given)


def thread_count() -> int:
    """Threads that one graph or one search may use: SEARCH_THREADS, else every core. Raises UsageError."""
    return environment_int("SEARCH_THREADS", os.cpu_count() or 1)


def stores_folder() -> Path:
    """The folder of the indexes of a user. Raises UsageError where there is no home for that."""
    place = _of_user("data")
    if place is None:
        given = ((name, os.environ.get(name, "")) for name in ("XDG_DATA_HOME", "HOME"))
        relative = (f"{name}={value!r} is no absolute path" for name, value in given if value and value[:1] != os.sep)
        raise UsageError(
            f"There is no home folder to keep an index in ({next(relative, 'HOME is not set')}); name a place with "
            "`store` or SEARCH_STORE."
        )
    return place


def cache_folder() -> Path | None:
    """Where exported and compiled models are kept, which can be deleted at any time: SEARCH_CACHE, else one place per
    user. None where there is no such place: a cache is done without."""
    named = os.environ.get("SEARCH_CACHE", "").strip()
    if named:
        try:
            return Path(absolute(named))
        except UsageError:
            return None
    return _of_user("cache")


def _of_user(kind: Literal["data", "cache"]) -> Path | None:
    """This product's folder among those of a user; None for a user without a home."""
    import platformdirs

    find = platformdirs.user_data_path if kind == "data" else platformdirs.user_cache_path
    try:
        place = Path(find("image-collection-search", appauthor=False))
    except RuntimeError:
        return None
    return place if place.is_absolute() else None  # what earlier versions of the package do


def models_folder() -> Path:
    """The folder of the models that ship with the product: inside the wheel, or `data/models` of a checkout."""
    return _shipped("models")


def places_folder() -> Path:
    """That of the table of places."""
    return _shipped("places")


def _shipped(name: str) -> Path:
    package = Path(__file__).resolve().parent
    for folder in (package / "data" / name, package.parent / "data" / name):
        if folder.is_dir():
            return folder
    raise UsageError(f"The bundled {name} are missing beside {package}; install the package again.")
