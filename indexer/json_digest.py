"""The digest of what a JSON file says, kept in the file itself: a digit that changed would read as well."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def json_digest(fields: Mapping[str, Any]) -> str:
    """SHA-256 in hex of an object, whatever the order and the spaces in which it is written. Raises ValueError for NaN
    and infinity, which JSON does not have."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True, allow_nan=False).encode()).hexdigest()
