"""Why a graph cannot be trained: said by the name of what stands in the way."""

from __future__ import annotations

from indexer.errors import EncoderError


class NotTrainableError(EncoderError):
    """A graph with something in it that has no torch form here, or a trained one that cannot be written."""
