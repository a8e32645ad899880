"""From what `--reranker` says to a reranker: the default one, a folder, or BLIP."""

from __future__ import annotations

from pathlib import Path

from indexer.encoders.base import Encoder
from indexer.files.fingerprint import fingerprint
from indexer.paths import absolute
from search.rerank import reranker_files
from search.rerank.base import Reranker

#: Before what names a BLIP model: a folder, or an id of the hub.
BLIP = "blip:"


def load_reranker(spec: str | None, store_folder: Path, encoder: Encoder, device: str | None = None) -> Reranker | None:
    """The reranker that `spec` names, a folder or `blip:PATH_OR_ID`; None is the default: the store's own, or the one
    that ships, or none at all when neither was trained for this encoder.

    `device`: "cpu", "cuda" or "mps", for what runs on torch. Raises EncoderMismatchError for one that is named and
    was trained for another encoder, EncoderUnavailableError for one that is not there or damaged.
    """
    if spec is not None and spec.startswith(BLIP):
        from search.rerank.blip import BlipReranker

        return BlipReranker(spec.removeprefix(BLIP), device)
    folder = reranker_files.find_reranker(store_folder, encoder) if spec is None else Path(absolute(spec))
    if folder is None:
        return None
    from search.rerank.fusion_reranker import FusionReranker

    reranker = FusionReranker(folder)
    reranker_files.check_fits(folder, reranker.description, encoder)
    return reranker


def version(spec: str | None, store_folder: Path) -> object:
    """Changes when the files of a reranker do: one may be trained while a library is open."""
    if spec is not None and spec.startswith(BLIP):
        return None
    folder = store_folder / reranker_files.FOLDER if spec is None else Path(absolute(spec))
    return fingerprint(folder / reranker_files.DESCRIPTION)
