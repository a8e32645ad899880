"""Which addresses are this machine's alone."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether what listens at this address is reached from this machine alone: loopback, or the path of a socket."""
    if host == "localhost" or host.startswith(("/", "unix:")):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False
