"""From neighbours to positions: t-SNE (van der Maaten and Hinton 2008), by openTSNE, on one core.

The same photographs give the same map: it begins at the principal components, the seed is fixed, and one thread adds
in one order. (Two were slower on the machine where that was measured.)
"""

from __future__ import annotations

import importlib.util
from typing import Any, Final

import numpy as np

from indexer.errors import UsageError
from indexer.progress import Progress
from indexer.types import Float32, Int64
from search.projection.streamed import Float64

#: What installs the projection.
PACKAGE: Final = "openTSNE>=1.0"
#: How many neighbours count for one photograph, about; three times as many are looked at.
PERPLEXITY: Final = 30
#: Of fewer photographs the principal components are the map.
FEWEST: Final = 12
#: Steps that gather what belongs together, and steps that arrange it; how often progress is told.
_GATHERING: Final = 250
_ARRANGING: Final = 500
_TOLD: Final = 10
STEPS: Final = _GATHERING + _ARRANGING
#: From here on forces are interpolated on a grid (FIt-SNE, Linderman et al. 2019), which costs the same for each point.
_GRID_FROM: Final = 4_000


def check_installed() -> None:
    """Raises UsageError where the extra is missing."""
    if importlib.util.find_spec("openTSNE") is None:
        raise UsageError(
            f"The map of a collection needs a package that is not here; `pip install '{PACKAGE}'` installs it."
        )


def neighbours_for(count: int) -> int:
    """How many neighbours of each are needed to lay out `count` photographs; none where they are too few for it, and
    the principal components are the map."""
    return 0 if count < FEWEST else min(count - 1, 3 * PERPLEXITY)


def lay_out(neighbours: Int64, distances: Float32, begin: Float64, progress: Progress) -> Float32:
    """Positions (n, 2) float32, from -1 to 1. `neighbours`, `distances` (n, k): as `neighbours.nearest` gives them,
    for the k of `neighbours_for`; `begin` (n, 2): where they are at first. `progress` advances by STEPS in all. Raises
    what it raises."""
    if not neighbours.shape[1]:
        progress.advance(STEPS)
        return fitted(begin)
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    def told(*_: Any) -> None:
        progress.advance(_TOLD)

    known = PrecomputedNeighbors(neighbours, distances.astype(np.float64))
    affinities = PerplexityBasedNN(knn_index=known, perplexity=min(PERPLEXITY, neighbours.shape[1] / 3), n_jobs=1)
    embedding = TSNEEmbedding(
        begin.copy(),
        affinities,
        negative_gradient_method="fft" if len(begin) >= _GRID_FROM else "bh",
        n_jobs=1,
        random_state=0,
        callbacks=told,
        callbacks_every_iters=_TOLD,
    )
    embedding.optimize(_GATHERING, exaggeration=12, momentum=0.5, inplace=True, propagate_exception=True)
    embedding.optimize(_ARRANGING, exaggeration=1.2, momentum=0.8, inplace=True, propagate_exception=True)
    return fitted(np.asarray(embedding))


def fitted(positions: Float64) -> Float32:
    """The same picture, from -1 to 1, its middle at 0."""
    if not len(positions):
        return np.empty((0, 2), np.float32)
    low, high = positions.min(axis=0), positions.max(axis=0)
    half = float((high - low).max()) / 2
    fitted_in: Float32 = ((positions - (low + high) / 2) / (half or 1.0)).astype(np.float32)
    return fitted_in
