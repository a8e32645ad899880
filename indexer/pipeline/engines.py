"""Which engines there are, by what a person calls them. A new one adds itself here. Light: imports none of them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from indexer.errors import EncoderUnavailableError, UsageError

if TYPE_CHECKING:
    from indexer.pipeline.engine import Engine

RAY: Final = "ray"
_CLUSTER: Final = "ray://"


def check_engine(name: str | None) -> None:
    """Raise UsageError for what is no engine, and EncoderUnavailableError where its package is missing; None is this
    process."""
    if name is None:
        return
    host, _, port = name.removeprefix(_CLUSTER).rpartition(":")
    if name != RAY and not (name.startswith(_CLUSTER) and host and port.isascii() and port.isdigit()):
        raise UsageError(f"`engine` takes {RAY}, or {_CLUSTER}HOST:PORT of a cluster's head, not {name!r}.")
    if find_spec("ray") is None:
        raise EncoderUnavailableError("`engine` needs the package ray; `pip install 'ray[data]'` brings it.")


def open_engine(name: str) -> Engine:
    """The engine of that name. Raises what `check_engine` raises, and EncoderError where its cluster is not there."""
    check_engine(name)
    from indexer.pipeline.ray_engine import RayEngine

    return RayEngine(None if name == RAY else name.removeprefix(_CLUSTER))
