"""Which servers get the secrets of the environment: those that the environment names beside them.

A file that names a server may have come with a store that a stranger made. A password that is set for all programs
(PGPASSWORD, MILVUS_TOKEN) goes to a host that such a file names only where PGHOST, or MILVUS_HOST, names it too, and to
this machine. `~/.pgpass` says of each password for which host it is, and needs nothing.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Final

from indexer.errors import UsageError

#: By the kind of server: the secret, what names its host, and where else it may come from.
_SECRETS: Final = {
    "postgresql": ("PGPASSWORD", "PGHOST", ", or write the password into ~/.pgpass"),
    "milvus": ("MILVUS_TOKEN", "MILVUS_HOST", ""),
}


def check_host(path: Path, server: str, scheme: str, host: str) -> None:
    """Raise UsageError where a secret would go to the `host` of a `server` that the file at `path` alone names."""
    secret, names, other = _SECRETS[scheme.partition("+")[0]]
    named = {each.strip().lower() for each in os.environ.get(names, "").split(",")}
    if not os.environ.get(secret) or _is_here(host) or host.lower() in named:
        return
    raise UsageError(
        f"{path} names the server {server}, and the {secret} of your environment would go there; if you trust it, set "
        f"{names}={host} as well{other}, else delete the file."
    )


def _is_here(host: str) -> bool:
    """Whether a host is this machine: its name for itself, or a socket in its files."""
    if host in ("", "localhost") or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
