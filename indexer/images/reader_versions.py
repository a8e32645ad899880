"""Versions of the readers, kept with what they have read, so that a better one reads again what it could do better.

Each grows by one with a release that reads more; the next `search index` then reads those files again.
"""

from __future__ import annotations

#: Which files are understood: one more format, one more kind of captions. What an older one ignored or refused, and
#: captions files, are read again.
FORMAT_READER = 1

#: What is read of a photograph's own words about itself: one more field, one more block. The photographs are read
#: again, but neither decoded nor encoded.
METADATA_READER = 1
