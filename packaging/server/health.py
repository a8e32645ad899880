"""Whether the server on this machine answers: exit code 0 or 1. For HEALTHCHECK of a container and for probes.

It shows the token of SEARCH_TOKEN where there is one. A server that made its own token tells it to nobody: that it asks
for it, with 401, shows as well that it answers.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

DEFAULT = "http://127.0.0.1:8765"


def healthy(address: str, token: str | None) -> bool:
    """Whether the server at `address` (without a slash at the end) answers within four seconds."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{address}/api/v1/health", headers=headers)  # noqa: S310 (the caller's own)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=4):
            return True
    except urllib.error.HTTPError as error:
        return error.code == 401 and token is None
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy(sys.argv[1] if sys.argv[1:] else DEFAULT, os.environ.get("SEARCH_TOKEN")) else 1)
