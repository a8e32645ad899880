"""What was indexed at a path, so that nothing else that lies there is given away.

Pages and copies leave a machine. A catalog is a file that may come from a stranger, and may name any path; a link or an
edit may have put another file where a photograph was. So a file's content goes into a page or a copy only where it is
what was indexed, by its SHA-256, and its path lies in an indexed folder. Whoever made up a catalog would have to know
the content already.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

#: Why a file is not given away.
CHANGED = "it was changed since it was indexed; `index()` reads it again"
OUTSIDE = "it lies outside of the indexed folders"


@dataclass(frozen=True, slots=True)
class Indexed:
    """`digest`: SHA-256 in hex of the content that was indexed; `inside`: the path lies in an indexed folder."""

    digest: str
    inside: bool = True

    def refusal(self, content: bytes) -> str | None:
        """Why `content`, which was read at the path, is not given away; None where it may be."""
        if not self.inside:
            return OUTSIDE
        return None if hashlib.sha256(content).hexdigest() == self.digest else CHANGED
