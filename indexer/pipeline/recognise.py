"""What an engine has encoded, seen by the catalog: a photograph that is known already is written as that.

An engine's machines ask no catalog. So what moved or was copied is encoded once more there, and is recognised here.
"""

from __future__ import annotations

from dataclasses import replace

from indexer.catalog.catalog import Catalog
from indexer.pipeline.look_up import known_image
from indexer.pipeline.values import EncodedFile, NewImage


def recognised(catalog: Catalog, encoder_row: int, encoded: EncodedFile, *, tokens: bool) -> EncodedFile:
    """What is to be written of a file. `tokens`: those of known photographs are wanted where they lack them."""
    image = encoded.file
    if not isinstance(image, NewImage):
        return encoded
    found = known_image(catalog, encoder_row, image.candidate, image.digest, tokens=tokens)
    if found is None:
        return encoded
    known = replace(found.image, metadata=image.metadata, reread=True) if found.outdated else found.image
    return EncodedFile(known, encoded.vector, encoded.tokens) if found.lacking else EncodedFile(known)
