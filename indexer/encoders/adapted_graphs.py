"""An adapted encoder that is graphs: the one that ships, trained further (`training/graphs`). It needs no torch.

    graphs (a folder, `graph_model.py`) -> with_graphs -> adapted.json beside graphs-<digest>/ -> load -> GraphEncoder

The identity is that of the graphs' files; the description says it too, and has to say the same. The folder holds all
that encodes, so an update of the encoder that ships leaves it as it is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from indexer.encoders import adapted_files
from indexer.encoders.adapted_files import AdaptedDescription
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.graph_model import read_model, verify_bundled


def with_graphs(description: AdaptedDescription, graphs: Path) -> tuple[AdaptedDescription, Path]:
    """The description with the digest of its graphs, and their folder, for `adapted_files.save`. Raises
    EncoderUnavailableError when there are none."""
    return replace(description, digest=read_model(graphs).identity.weights, graphs=True), graphs


def load(folder: Path, description: AdaptedDescription) -> GraphEncoder:
    """The adapted encoder in `folder`. Raises EncoderUnavailableError when its graphs are missing or damaged, or are
    not those that the description tells of; of their bytes at first use."""
    path = adapted_files.weights_path(folder)
    identity = description.identity(folder)
    found = GraphEncoder(path, name=identity.name)
    if not found.identity.matches(identity):
        raise adapted_files.damaged(folder / adapted_files.DESCRIPTION, f"{path.name} holds other graphs")
    return found


def verify(folder: Path) -> list[str]:
    """Read every file of the graphs of the adapted encoder in `folder`. Returns one sentence a problem; none where it
    has no graphs. Raises EncoderUnavailableError as `load`."""
    description = adapted_files.describe(folder)
    if not description.graphs:
        return []
    load(folder, description)
    return verify_bundled(adapted_files.weights_path(folder))
