"""What a server is told, and its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from search.web.addresses import is_loopback

#: Where the API begins. Its number grows when something of it changes its meaning or goes.
PREFIX: Final = "/api/v1"
DEFAULT_PORT: Final = 8765


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request, and of all together. Sizes in bytes, times in seconds."""

    #: Of a line of the query language; nobody types more.
    query_characters: int = 10_000
    #: Hits or items of one answer.
    page: int = 1_000
    #: Of an image that is asked with; the pixels are bounded where files are decoded.
    upload_bytes: int = 64_000_000
    #: Images that are asked with are kept in memory, the last ones, up to so much in all.
    uploads_bytes: int = 256_000_000
    #: Of a JSON body.
    body_bytes: int = 1_000_000
    #: Of the address of a request and its headers together.
    header_bytes: int = 65_536
    #: Requests that are worked on at once; more are told to come again.
    at_once: int = 256
    #: Who follows the progress of indexing at once.
    listeners: int = 64
    #: Requests a second of one address, and how many it may save up. All that runs on this machine is one address; a
    #: page that is scrolled fast asks for some hundred thumbnails a second.
    rate: float = 1_000.0
    burst: int = 2_000
    #: For the headers of a request, and without a byte of its body.
    silence: float = 15.0
    #: Without a byte that a client takes of an answer.
    stalled: float = 60.0
    #: Connections at once; of more, those go that have waited longest without a request.
    connections: int = 512
    #: Files and bytes of one zip.
    download_files: int = 1_000
    download_bytes: int = 2_000_000_000


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """`host`, `port`: where to listen (0: any port that is free). `token`: what clients have to show; required for any
    address but loopback. `show_paths`: whether answers may hold paths of this machine; None: where nobody elsewhere
    reaches it. `names`: what else the server is called in addresses, behind a proxy or by a name of the network."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str | None = None
    show_paths: bool | None = None
    names: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def is_for_here_alone(self) -> bool:
        """Whether only this machine reaches it: on loopback, and by no name that a proxy would lead to it with."""
        return is_loopback(self.host) and all(map(is_loopback, self.names))
